import asyncio

import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Delta, Failed, Finished, Ping
from edge_proxy.downstream.stream import PAUSE_CHARS
from edge_proxy.downstream.ticker import SLOT_S
from tests.edge_proxy.downstream.played_stream import INTERVAL_S, ROUNDING_S, Writer, make_stream
from tests.edge_proxy.downstream.played_upstream import LOST, STOP
from tests.support.virtual_time import in_virtual_time, now, settle, until


@in_virtual_time
async def test_first_delta_is_given_out_at_once() -> None:
    stream, generation = make_stream()
    writer = Writer(stream)
    await until(3)
    generation.say("a")
    await settle()
    assert writer.events == [Delta("a", 1)]
    assert writer.instants == [pytest.approx(3)]
    writer.task.cancel()


@in_virtual_time
async def test_what_comes_too_soon_is_given_out_together_when_the_interval_is_over() -> None:
    stream, generation = make_stream()
    writer = Writer(stream)
    generation.say("a")
    await until(0.01)
    generation.say("b", "c")
    await until(1)
    assert writer.events == [Delta("a", 1), Delta("bc", 3)]
    assert INTERVAL_S - ROUNDING_S <= writer.instants[1] <= INTERVAL_S + SLOT_S + ROUNDING_S
    writer.task.cancel()


@in_virtual_time
async def test_the_end_does_not_wait_for_the_interval() -> None:
    stream, generation = make_stream()
    writer = Writer(stream)
    generation.say("a")
    await until(0.01)
    generation.say("b")
    generation.end()
    await writer.task
    assert writer.events[-1] == Finished("b", 2, STOP)
    assert writer.instants[-1] == pytest.approx(0.01, abs=ROUNDING_S)
    assert stream.ending is not None


@in_virtual_time
async def test_a_writer_that_was_away_gets_all_text_as_one_delta() -> None:
    stream, generation = make_stream()
    for number in range(100):
        generation.say(f"{number} ")
        await asyncio.sleep(INTERVAL_S)
    assert await stream.next() == [Delta("".join(f"{number} " for number in range(100)), 100)]


@in_virtual_time
async def test_pings_come_every_15_s_with_and_without_text() -> None:
    stream, generation = make_stream(timeout_s=1000.0)
    writer = Writer(stream)
    await until(31)
    for number in range(1, 601):
        await until(31 + number / 20)
        generation.say("x")
    writer.task.cancel()
    pings = [at for at, event in zip(writer.instants, writer.events, strict=True) if event == Ping()]
    assert pings == pytest.approx([15, 30, 45, 60], abs=SLOT_S + ROUNDING_S)


@in_virtual_time
async def test_the_deadline_ends_the_stream_with_the_held_text_first() -> None:
    stream, generation = make_stream(timeout_s=2.03)
    writer = Writer(stream)
    await until(2)
    generation.say("a")
    await settle()
    generation.say("b")
    await writer.task
    assert writer.events == [Delta("a", 1), Delta("b", 2), Failed(Failure(Code.TIMEOUT), 2)]
    assert 2.03 - ROUNDING_S <= now() <= 2.03 + SLOT_S + ROUNDING_S


@in_virtual_time
async def test_failing_leaves_the_source_and_tells_the_reader() -> None:
    stream, generation = make_stream()
    writer = Writer(stream)
    await settle()
    stream.fail(Code.SERVER_DRAINING)
    await writer.task
    assert generation.left
    assert writer.events == [Failed(Failure(Code.SERVER_DRAINING), 0)]
    assert now() == pytest.approx(0, abs=ROUNDING_S)


@pytest.mark.parametrize(("gap_s", "stalled"), [(4.0, True), (500.0, False)])
@in_virtual_time
async def test_a_source_that_has_stalled_is_told_so_when_it_is_left(gap_s: float, stalled: bool) -> None:
    stream, generation = make_stream(gap_s=gap_s)
    writer = Writer(stream)
    generation.say("a")
    await writer.task
    stream.leave()
    assert writer.events[-1] == Failed(Failure(Code.TIMEOUT), 1)
    assert generation.left
    assert generation.stalled is stalled


@in_virtual_time
async def test_the_first_end_is_the_one_that_counts() -> None:
    stream, generation = make_stream()
    generation.end(LOST)
    stream.fail(Code.CANCELLED)
    assert await stream.next() == [Failed(LOST, 0)]


@in_virtual_time
async def test_a_stream_without_a_source_can_be_left_and_failed() -> None:
    stream, _ = make_stream(attached=False)
    stream.leave()
    stream.fail(Code.CANCELLED)
    assert await stream.next() == [Failed(Failure(Code.CANCELLED), 0)]


@in_virtual_time
async def test_it_is_closed_when_the_last_event_was_given_out() -> None:
    stream, generation = make_stream()
    generation.end()
    assert stream.ending is None
    await stream.next()
    assert stream.ending is not None


@in_virtual_time
async def test_more_text_than_a_reader_should_owe_pauses_the_source_once() -> None:
    stream, generation = make_stream()
    generation.say("x" * PAUSE_CHARS)
    assert generation.told == []
    generation.say("y")
    assert generation.told == ["pause"]
    generation.say("z" * PAUSE_CHARS)
    assert generation.told == ["pause"]
    assert len((await stream.next())[0].text) == 2 * PAUSE_CHARS + 1  # type: ignore[union-attr]
    assert generation.told == ["pause", "resume"]


@in_virtual_time
async def test_a_source_that_was_resumed_can_be_paused_again() -> None:
    stream, generation = make_stream()
    for _ in range(2):
        generation.say("x" * PAUSE_CHARS, "y")
        await stream.next()
        await asyncio.sleep(1)
    assert generation.told == ["pause", "resume"] * 2


@in_virtual_time
async def test_a_paused_source_is_not_resumed_before_its_text_was_taken() -> None:
    stream, generation = make_stream()
    await until(14.99)
    generation.say("a")
    await stream.next()
    generation.say("x" * PAUSE_CHARS, "y")
    await until(15)
    assert await stream.next() == [Ping()]
    assert generation.told == ["pause"]
    await stream.next()
    assert generation.told == ["pause", "resume"]


@in_virtual_time
async def test_text_that_comes_before_the_source_is_known_is_kept() -> None:
    stream, generation = make_stream(attached=False)
    generation.say("x" * PAUSE_CHARS, "y")
    stream.attach(generation)
    generation.say("z")
    assert generation.told == ["pause"]
    assert await stream.next() == [Delta("x" * PAUSE_CHARS + "yz", 3)]
