import pytest

from inference_worker.generation import Finished
from inference_worker.status import Code, Failed
from protos import inference_pb2 as pb
from tests.inference_worker.exchange_bench import Bench, rows
from tests.inference_worker.registries import eventually
from tests.support.virtual_time import in_virtual_time

DONE = Finished("stop", prompt_tokens=4, completion_tokens=2)


@in_virtual_time
async def test_a_read_is_answered_at_once() -> None:
    bench = Bench()
    generation = await bench.generation(first_index=5)
    bench.exchange.read(7, generation, 5)
    assert bench.wakes == [True]
    assert bench.frame() == pb.WorkerFrame(opened=[pb.Opened(stream=7, generation_id=generation.id, next_index=5)])
    assert bench.exchange.frame(now=0) is None


@in_virtual_time
async def test_a_refusal_is_told_at_once() -> None:
    bench = Bench()
    bench.exchange.refuse(7, Failed(Code.INVALID_ARGUMENT, "Too hot.", "temperature"))
    assert bench.wakes == [True]
    status = pb.Status(code=3, message="Too hot.", field="temperature")
    assert bench.frame() == pb.WorkerFrame(refused=[pb.Refused(stream=7, status=status)])


@in_virtual_time
async def test_the_first_token_and_the_ending_are_urgent_and_what_is_between_is_not() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    urgent = []
    for text in ("a", "b", "c"):
        log.append(text)
        urgent.append(list(bench.wakes))
        bench.frame()
    log.close(DONE)
    assert [*urgent, bench.wakes] == [[True], [False], [False], [True]]


@in_virtual_time
async def test_an_ending_hurries_the_text_that_waits_for_the_tick() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    log.append("a")
    bench.frame()
    log.append("b")
    log.close(DONE)
    assert bench.wakes == [False, True]


@in_virtual_time
async def test_text_that_waits_for_the_tick_is_not_hurried_by_more_of_it() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    log.append("a")
    bench.frame()
    log.append("b")
    log.read(0, max_chars=100)  # as another reader does: the next entry is told to all
    log.append("c")
    assert bench.wakes == [False]


@in_virtual_time
async def test_a_slow_edge_gets_one_full_row_and_was_woken_once() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    for text in "abcdef":
        log.append(text)
    assert bench.wakes == [True]
    assert rows(bench.frame()) == [(1, "abcdef", 6)]


@in_virtual_time
async def test_a_frame_has_a_row_for_each_stream_that_moved() -> None:
    bench = Bench()
    logs = [(await bench.read(number)).log for number in (1, 2, 3)]
    logs[2].append("x")
    logs[0].append("a")
    logs[0].append("b")
    assert rows(bench.frame()) == [(3, "x", 1), (1, "ab", 2)]


@in_virtual_time
async def test_two_streams_read_one_generation_each_from_its_index() -> None:
    bench = Bench()
    generation = await bench.read(1)
    generation.log.append("a")
    generation.log.append("b")
    bench.exchange.read(2, generation, 1)
    frame = bench.frame()
    assert [opened.next_index for opened in frame.opened] == [1]
    assert rows(frame) == [(1, "ab", 2), (2, "b", 2)]


@in_virtual_time
async def test_the_ending_comes_behind_all_text_and_nothing_behind_it() -> None:
    bench = Bench()
    generation = await bench.read(1)
    generation.log.append("a")
    generation.log.close(DONE)
    frame = bench.frame()
    usage = pb.Usage(prompt_tokens=4, completion_tokens=2)
    assert rows(frame) == [(1, "a", 1)]
    assert list(frame.endings) == [pb.Ending(stream=1, finished=pb.Finished(finish_reason="stop", usage=usage))]
    assert generation.readers == 0
    assert bench.exchange.frame(now=0) is None


@in_virtual_time
async def test_a_failure_is_an_ending_with_its_status() -> None:
    bench = Bench()
    generation = await bench.read(1)
    generation.log.close(Failed(Code.DEADLINE_EXCEEDED, "Too late."))
    assert list(bench.frame().endings) == [pb.Ending(stream=1, failed=pb.Status(code=4, message="Too late."))]


@in_virtual_time
async def test_a_paused_stream_gets_nothing_and_after_resume_all_of_it() -> None:
    bench = Bench()
    log, other = (await bench.read(1)).log, (await bench.read(2)).log
    log.append("before ")
    bench.exchange.pause(1)  # what is ready but not sent is held, too
    other.append("other")
    assert rows(bench.frame()) == [(2, "other", 1)]
    log.append("while ")
    log.append("paused")
    log.close(DONE)
    assert bench.wakes == []
    assert bench.exchange.frame(now=0) is None
    bench.exchange.resume(1)
    assert bench.wakes == [True]
    frame = bench.frame()
    assert rows(frame) == [(1, "before while paused", 3)]
    assert len(frame.endings) == 1


@in_virtual_time
async def test_resume_of_a_stream_that_lags_behind_another_reader() -> None:
    bench = Bench()
    generation = await bench.read(1)
    bench.exchange.read(2, generation, 0)
    bench.frame()
    bench.exchange.pause(1)
    for text in "ab":
        generation.log.append(text)
        assert [number for number, _, _ in rows(bench.frame())] == [2]
    bench.exchange.resume(1)
    generation.log.append("c")
    assert sorted(rows(bench.frame())) == [(1, "abc", 3), (2, "c", 3)]


@in_virtual_time
async def test_a_detached_stream_gets_nothing_more() -> None:
    bench = Bench()
    generation = await bench.read(1)
    generation.log.append("a")
    bench.exchange.detach(1)
    assert bench.exchange.frame(now=0) is None
    await eventually(lambda: bench.registry.running == 0)


@in_virtual_time
async def test_a_cancelled_stream_ends_for_every_reader() -> None:
    bench = Bench()
    generation = await bench.read(1)
    bench.exchange.read(2, generation, 0)
    bench.frame()
    bench.exchange.cancel(1)
    assert [(ending.stream, ending.failed.code) for ending in bench.frame().endings] == [(1, 1), (2, 1)]
    await eventually(lambda: bench.registry.running == 0)


@in_virtual_time
async def test_commands_for_a_stream_that_has_just_ended_do_nothing() -> None:
    bench = Bench()
    for command in (bench.exchange.detach, bench.exchange.pause, bench.exchange.resume, bench.exchange.cancel):
        command(9)
    assert bench.wakes == []


@in_virtual_time
async def test_when_the_call_ends_all_its_readers_leave() -> None:
    bench = Bench()
    generations = [await bench.read(number) for number in (1, 2)]
    bench.exchange.close()
    assert [generation.readers for generation in generations] == [0, 0]
    await eventually(lambda: bench.registry.running == 0)


INTERVAL_S = 0.05


async def test_a_reader_with_an_interval_gets_its_first_text_at_once_and_then_a_row_per_interval() -> None:
    bench = Bench()
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    log.append("a")
    assert bench.wakes == [True]
    assert rows(bench.frame(now=1.0)) == [(1, "a", 1)]
    seen = []
    for tick in range(1, 17):
        log.append(".")
        assert bench.wakes == [], "the exchange looks by itself"
        now = 1.0 + 0.01 * tick
        seen += [(round(now, 3), len(text)) for _, text, _ in rows(bench.frame(now=now))]
    assert seen == [(1.05, 5), (1.1, 5), (1.15, 5)]


async def test_the_beat_stays_where_it_was_when_a_row_is_a_little_late_and_moves_when_it_is_more() -> None:
    bench = Bench()
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    dues = []
    for now in (1.0, 1.053, 1.10, 1.18):
        log.append("x")
        assert rows(bench.frame(now=now)), now
        dues.append(bench.exchange.due)
    assert dues == [pytest.approx(due) for due in (1.05, 1.10, 1.15, 1.23)]


async def test_the_exchange_says_when_the_next_row_is_due() -> None:
    bench = Bench()
    assert bench.exchange.due is None
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    log.append("a")
    bench.frame(now=1.0)
    assert bench.exchange.due == pytest.approx(1.05)


async def test_a_reader_with_an_interval_whose_model_paused_is_told_at_the_next_tick() -> None:
    bench = Bench()
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    log.append("a")
    bench.frame(now=1.0)
    assert rows(bench.frame(now=2.0)) == []
    assert bench.exchange.due is None
    log.append("b")
    assert bench.wakes == [False]
    assert rows(bench.frame(now=2.5)) == [(1, "b", 2)]


async def test_an_ending_does_not_wait_for_the_interval() -> None:
    bench = Bench()
    generation = await bench.read(1, interval_s=INTERVAL_S)
    generation.log.append("a")
    bench.frame(now=1.0)
    generation.log.append("b")
    generation.log.close(Failed(Code.DEADLINE_EXCEEDED, "Too late."))
    assert bench.wakes == [True]
    frame = bench.frame(now=1.001)
    assert rows(frame) == [(1, "b", 2)]
    assert [ending.stream for ending in frame.endings] == [1]
    assert bench.exchange.frame(now=2.0) is None


async def test_intervals_can_be_stretched() -> None:
    bench = Bench()
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    bench.exchange.stretch(2)
    log.append("a")
    bench.frame(now=1.0)
    log.append("b")
    assert rows(bench.frame(now=1.09)) == []
    assert rows(bench.frame(now=1.1)) == [(1, "b", 2)]
    bench.exchange.stretch(1)
    log.append("c")
    bench.frame(now=1.2)
    assert bench.exchange.due == pytest.approx(1.25)


async def test_a_paused_reader_waits_in_no_slot_and_goes_on_when_resumed() -> None:
    bench = Bench()
    log = (await bench.read(1, interval_s=INTERVAL_S)).log
    log.append("a")
    bench.frame(now=1.0)
    bench.exchange.pause(1)
    log.append("b")
    assert rows(bench.frame(now=1.1)) == []
    log.append("c")
    bench.exchange.resume(1)
    assert bench.wakes == [False]
    assert rows(bench.frame(now=1.2)) == [(1, "bc", 3)]
