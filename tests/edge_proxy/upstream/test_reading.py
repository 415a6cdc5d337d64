"""A reading by itself. What becomes of it when a worker is lost: test_recovery."""

import asyncio

from edge_proxy.core.errors import Code, Failure
from edge_proxy.upstream.exchange import Answered
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from edge_proxy.upstream.reading import MAX_MOVES, Reading
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import NotingReader, add, eventually

LOST = Failure(Code.WORKER_LOST)
LINK_TIMERS = LinkTimers(connect_s=1, silence_s=1, answer_s=1)


class Source:
    """Notes what it is told."""

    moves = 0

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def leave(self, *, stalled: bool = False) -> None:
        self.told.append("leave")


class Bench:
    """A reading; how often it looked for another source, and whether it found one."""

    def __init__(self) -> None:
        self.reader = NotingReader()
        self.sources: list[Source] = []
        self.looked = 0
        self.finds = True
        self.link = WorkerLink("127.0.0.1:1", LINK_TIMERS)
        self.reading = Reading(
            pb.GenerateRequest(model="tiny"),
            self.reader,
            owner="",
            interval_s=0.05,
            deadline=1e9,
            recover=self._recover,
        )

    def adopt(self) -> None:
        self.sources.append(Source())
        self.reading.adopt(self.link, Answered(pb.Opened(generation_id="w1-1"), self.sources[-1]))

    def lose(self) -> None:
        on_lost = self.reading.route().on_lost
        assert on_lost
        on_lost(3, LOST)

    async def _recover(self, reading: Reading, link: WorkerLink, index: int) -> bool:
        self.looked += 1
        await asyncio.sleep(0)
        if self.finds:
            self.adopt()
        return self.finds


async def test_what_is_lost_before_it_is_adopted_is_looked_for_then() -> None:
    bench = Bench()
    bench.lose()
    await asyncio.sleep(0)
    assert bench.looked == 0
    bench.adopt()
    await eventually(lambda: len(bench.sources) == 2)


async def test_what_is_adopted_after_it_was_left_is_left() -> None:
    bench = Bench()
    bench.reading.leave()
    bench.adopt()
    assert bench.sources[0].told == ["leave"]


async def test_who_has_left_hears_nothing_of_what_comes_with_the_answer() -> None:
    bench = Bench()
    route = bench.reading.route()
    bench.reading.leave()
    route.reader.push("late", 1, now=0.0)
    assert bench.reader.pushed == []


async def test_a_pause_is_told_to_the_next_source_and_a_resume_ends_it() -> None:
    bench = Bench()
    bench.adopt()
    bench.reading.pause()
    bench.lose()
    await eventually(lambda: len(bench.sources) == 2)
    assert bench.sources[1].told == ["pause"]
    bench.reading.resume()
    bench.lose()
    await eventually(lambda: len(bench.sources) == 3)
    assert bench.sources[2].told == []


async def test_nothing_found_is_the_end() -> None:
    bench = Bench()
    bench.finds = False
    bench.adopt()
    bench.lose()
    await eventually(lambda: bench.reader.endings == [LOST])


async def test_a_generation_that_loses_one_worker_after_another_is_given_up() -> None:
    bench = Bench()
    bench.adopt()
    for count in range(MAX_MOVES):
        bench.lose()
        await eventually(lambda: len(bench.sources) == count + 2)  # noqa: B023 - it is asked before the next round
    bench.lose()
    await eventually(lambda: bench.reader.endings == [LOST])
    assert bench.looked == MAX_MOVES


async def test_leaving_while_it_is_looked_for_ends_the_search_in_silence() -> None:
    bench = Bench()
    bench.adopt()
    bench.lose()
    bench.reading.leave()
    await asyncio.sleep(0.01)
    assert bench.reader.endings == []
    assert len(bench.sources) == 1


async def test_what_was_said_before_stands_before_rows_that_came_with_the_answer() -> None:
    """The worker's answer and its first rows share a frame: rows are here before who asked has read the answer."""
    bench = Bench()
    add(bench.reading.said, "d", 4)
    asked = pb.GenerateRequest(model="tiny").SerializeToString()
    opened = pb.Opened(generation_id="w1-1", next_index=3, beginning=pb.Beginning(request=asked, text="abc"))
    assert bench.reading.remember(opened) == "abc"
    assert bench.reading.said.text == "abcd"
    assert [piece.next_index for piece in bench.reading.said.pieces()] == [3, 4]
