import asyncio

import pytest

from edge_proxy.departure import POLL_S, Departure, Patience, Stage
from tests.support.virtual_time import in_virtual_time


class Edge:
    """Notes what it is told, and when."""

    def __init__(self, streams: int) -> None:
        self.streams = streams
        self.told: list[tuple[str, float]] = []
        self._begin = asyncio.get_running_loop().time()

    def settle(self) -> None:
        self.note("settle")

    def drain(self) -> None:
        self.note("drain")

    def end(self) -> None:
        self.note("end")

    def note(self, word: str) -> None:
        self.told.append((word, round(asyncio.get_running_loop().time() - self._begin, 2)))


def departing(*, streams: int, settle_s: float = 3, drain_s: float = 20) -> tuple[Edge, Departure]:
    edge = Edge(streams)
    return edge, Departure(edge, Patience(settle_s=settle_s, drain_s=drain_s), lambda: edge.note("over"))


@in_virtual_time
async def test_it_settles_then_drains_until_nothing_runs() -> None:
    edge, departure = departing(streams=2)
    departure.leave()
    await asyncio.sleep(10)
    assert (edge.told, departure.stage) == ([("settle", 0), ("drain", 3)], Stage.DRAINING)
    edge.streams = 0
    await asyncio.sleep(2 * POLL_S)
    assert [word for word, _ in edge.told[2:]] == ["end", "over"]
    assert edge.told[2][1] <= 10 + POLL_S
    await asyncio.sleep(100)
    assert len(edge.told) == 4


@in_virtual_time
async def test_what_does_not_end_in_time_is_ended() -> None:
    edge, departure = departing(streams=1)
    departure.leave()
    await asyncio.sleep(100)
    assert edge.told == [("settle", 0), ("drain", 3), ("end", 23), ("over", 23)]


@in_virtual_time
async def test_without_streams_it_settles_and_is_over() -> None:
    edge, departure = departing(streams=0)
    departure.leave()
    await asyncio.sleep(100)
    assert edge.told == [("settle", 0), ("drain", 3), ("end", 3), ("over", 3)]


@in_virtual_time
async def test_with_nothing_to_wait_for_it_is_over_within_the_signal() -> None:
    edge, departure = departing(streams=0, settle_s=0)
    departure.leave()
    assert [word for word, _ in edge.told] == ["settle", "drain", "end", "over"]


def test_asked_again_it_goes_at_once() -> None:
    for seconds, before in [(1, ["settle"]), (5, ["settle", "drain"])]:

        @in_virtual_time
        async def test(seconds: int = seconds, before: list[str] = before) -> None:
            edge, departure = departing(streams=1)
            departure.leave()
            await asyncio.sleep(seconds)
            departure.leave()
            assert edge.told[len(before) :] == [("end", seconds), ("over", seconds)]
            departure.leave()
            departure.end()
            await asyncio.sleep(100)
            assert [word for word, _ in edge.told] == [*before, "end", "over"]

        test()


@in_virtual_time
async def test_it_says_how_many_streams_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    edge, departure = departing(streams=7)
    departure.end()
    assert edge.told == [("end", 0), ("over", 0)]
    assert caplog.messages == ["7 streams are ended."]
