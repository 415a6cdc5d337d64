"""What counts against a worker, and what does not; with an exchange as its caller."""

import asyncio
import gc
from math import inf

import pytest

from edge_proxy.core.breaker import LIMIT, State
from edge_proxy.core.errors import Code, Refused
from edge_proxy.upstream.exchange import Exchange, Route
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.standing import Standing
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.links import linked
from tests.edge_proxy.upstream.readers import REQUEST, NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, open_none, text_frame
from tests.support.virtual_time import in_virtual_time, until

FINISHED = pb.Finished(finish_reason="stop")


class Bench:
    """A standing, and streams that it hears of."""

    def __init__(self) -> None:
        self.standing = Standing("h:1", lambda: 1.0)
        self.exchange = Exchange(lambda: None, self.standing)

    def state(self) -> State:
        return self.standing.breaker.state

    def open(self, *, overdue_at: float = inf) -> tuple[int, Route]:
        route = Route(NotingReader(), None, overdue_at=overdue_at)
        self.standing.begin(route)
        return self.exchange.open(REQUEST, route), route

    def end(self, number: int, code: int | None) -> None:
        """By a status, or well."""
        ending = pb.Ending(stream=number, finished=FINISHED)
        if code is not None:
            ending = pb.Ending(stream=number, failed=pb.Status(code=code))
        self.exchange.receive(pb.WorkerFrame(endings=[ending]), now=0)

    def set_aside(self) -> None:
        for _ in range(int(LIMIT)):
            self.standing.failed("it is bad")


@pytest.mark.parametrize(
    ("code", "counts"),
    [(13, True), (2, True), (4, True), (1, False), (3, False), (5, False), (8, False), (14, False), (None, False)],
)
@in_virtual_time
async def test_endings_that_are_the_workers_fault_count(code: int | None, counts: bool) -> None:
    bench = Bench()
    for _ in range(int(LIMIT)):
        number, _ = bench.open(overdue_at=60)
        bench.end(number, code)
    assert (bench.state() is State.OPEN) is counts


@in_virtual_time
async def test_a_timeout_that_a_client_made_too_short_does_not_count() -> None:
    bench = Bench()
    for _ in range(10):
        number, _ = bench.open()
        bench.end(number, 4)
    assert bench.state() is State.CLOSED


@pytest.mark.parametrize(("at", "counts"), [(59.9, True), (60.0, True), (30.0, False)])
@in_virtual_time
async def test_streams_that_are_left_count_when_their_time_is_up(at: float, counts: bool) -> None:
    bench = Bench()
    numbers = [bench.open(overdue_at=60)[0] for _ in range(int(LIMIT))]
    await until(at)
    for number in numbers:
        bench.exchange.leave(number)
    assert (bench.state() is State.OPEN) is counts


@pytest.mark.parametrize(("overdue_at", "counts"), [(60.0, True), (inf, False)])
@in_virtual_time
async def test_stalls_count_unless_a_client_bears_too_little(overdue_at: float, counts: bool) -> None:
    bench = Bench()
    for _ in range(int(LIMIT)):
        number, _ = bench.open(overdue_at=overdue_at)
        bench.exchange.leave(number, stalled=True)
    assert (bench.state() is State.OPEN) is counts


@in_virtual_time
async def test_what_a_slow_reader_held_up_does_not_count() -> None:
    bench = Bench()
    numbers = [bench.open(overdue_at=60)[0] for _ in range(int(LIMIT))]
    for number in numbers:
        bench.exchange.pause(number)
    await until(60)
    for number in numbers:
        bench.exchange.leave(number)
    assert bench.state() is State.CLOSED


@in_virtual_time
async def test_losing_streams_counts_and_losing_none_does_not() -> None:
    bench = Bench()
    for _ in range(10):
        bench.standing.lost(streams=0)
    assert bench.state() is State.CLOSED
    for _ in range(2):
        bench.standing.lost(streams=3)
    assert bench.state() is State.OPEN


@in_virtual_time
async def test_a_trials_first_text_brings_it_back_and_reaches_the_reader() -> None:
    bench = Bench()
    bench.set_aside()
    number, route = bench.open()
    assert bench.state() is State.PROBING
    bench.exchange.receive(text_frame(number, "a", 1), now=0)
    assert bench.state() is State.CLOSED
    assert isinstance(route.reader, NotingReader)
    assert route.reader.text == "a"


@in_virtual_time
async def test_a_trial_that_fails_sets_it_aside_for_longer() -> None:
    bench = Bench()
    bench.set_aside()
    await until(1)
    number, route = bench.open()
    bench.end(number, 13)
    assert bench.state() is State.OPEN
    assert bench.standing.breaker.until == pytest.approx(3)
    assert isinstance(route.reader, NotingReader)
    assert [ending.code for ending in route.reader.endings] == [Code.GENERATION_ERROR]  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["left", "refused"])
@in_virtual_time
async def test_a_trial_that_comes_to_nothing_leaves_room_for_the_next(how: str) -> None:
    bench = Bench()
    bench.set_aside()
    await until(1)
    number, route = bench.open()
    bench.open()[1]
    if how == "left":
        bench.exchange.leave(number)
    else:
        bench.end(number, 3)
    assert bench.standing.breaker.due(1.1)
    assert isinstance(route.reader, NotingReader)


@in_virtual_time
async def test_a_trial_that_is_over_hears_nothing_more_for_who_has_left() -> None:
    bench = Bench()
    bench.set_aside()
    number, route = bench.open()
    nobody = route.reader = NotingReader()
    bench.exchange.leave(number)
    assert route.reader is nobody


@in_virtual_time
async def test_a_trial_leaves_no_cycle_behind() -> None:
    bench = Bench()
    bench.set_aside()
    number, _ = bench.open()
    gc.collect()
    bench.exchange.leave(number)
    del number, _
    assert not [item for item in gc.get_objects() if type(item).__name__ == "_Trial"]


@in_virtual_time
async def test_another_process_at_the_address_is_tried_soon() -> None:
    bench = Bench()
    bench.standing.greeted("one")
    for _ in range(5):
        bench.set_aside()
        bench.standing.breaker.tried()
    bench.set_aside()
    assert bench.standing.breaker.until == pytest.approx(8)
    bench.standing.greeted("one")
    assert bench.standing.breaker.until == pytest.approx(8)
    bench.standing.greeted("two")
    assert bench.standing.breaker.until == pytest.approx(1)


async def test_a_link_tells_of_answers_that_do_not_come() -> None:
    worker = ScriptedWorker()
    worker.on_open = open_none
    async with linked(worker, LinkTimers(connect_s=10, silence_s=10, answer_s=0.02)) as link:
        for _ in range(int(LIMIT)):
            assert not link.standing.breaker.aside
            with pytest.raises(Refused):
                await link.open(REQUEST, Route(NotingReader(), None))
        assert link.standing.breaker.aside


async def test_a_link_tells_of_its_losses() -> None:
    worker = ScriptedWorker()
    async with linked(worker) as link:
        for calls in (1, 2):
            await eventually(lambda: link.ready and worker.calls == calls)  # noqa: B023 - it is asked in this round
            await link.open(REQUEST, Route(NotingReader(), None))
            worker.hang_up()
            await eventually(lambda: not link.connected)
        assert link.standing.breaker.aside
        assert link.standing.breaker.until > asyncio.get_running_loop().time()
