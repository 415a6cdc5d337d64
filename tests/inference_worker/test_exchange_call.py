import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import uvloop

from inference_worker.exchange_call import BREATH_S, ExchangeCall
from inference_worker.status import Code
from protos import inference_pb2 as pb
from tests.inference_worker.exchange_edge import (
    RHYTHM,
    Edge,
    attach,
    cancel,
    detach,
    on_a_call,
    open_,
    pause,
    resume,
)
from tests.inference_worker.one_run_engine import OneRunEngine, say_two_tokens
from tests.inference_worker.registries import eventually, make_registry
from tests.support.virtual_time import in_virtual_time

STALLED = "0"


@in_virtual_time
async def test_the_first_frame_says_who_the_worker_is_and_how_busy() -> None:
    registry = make_registry(max_streams=7)
    async with on_a_call(registry) as edge:
        assert edge.frames == [
            pb.WorkerFrame(
                hello=pb.Hello(
                    worker_id="w1",
                    models=[
                        pb.Model(
                            name="scripted",
                            engine="scripted",
                            supports_chat=True,
                            supports_complete=True,
                            supports_continue=True,
                        )
                    ],
                ),
                load=pb.Load(max_streams=7),
            )
        ]


@in_virtual_time
async def test_a_silent_worker_sends_its_load_at_every_heartbeat() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, stall_at=STALLED))
        await edge.opened(1)
        del edge.frames[:], edge.instants[:]
        await asyncio.sleep(16)
        assert [frame.load.running for frame in edge.frames] == [1, 1, 1]
        assert edge.instants == pytest.approx([5, 10, 15])


@in_virtual_time
async def test_heartbeats_come_between_text_too() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, tokens="1000", tokens_per_second="50"))
        await asyncio.sleep(16)
        loads = [at for at, frame in zip(edge.instants, edge.frames, strict=True) if frame.HasField("load")]
        assert loads == pytest.approx([0, 5, 10, 15], abs=0.05)


@in_virtual_time
async def test_a_change_of_load_is_told_at_once() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        await asyncio.sleep(1)
        registry.draining = True
        edge.call.report_load()
        await asyncio.sleep(0.001)
        assert edge.frames[1:] == [pb.WorkerFrame(load=pb.Load(max_streams=8, draining=True))]
        await asyncio.sleep(4.99)
        assert len(edge.frames) == 2, "the next heartbeat counts from here"


@in_virtual_time
async def test_a_change_of_load_while_the_first_frame_goes_out_is_told_next() -> None:
    registry = make_registry()
    call = ExchangeCall(registry, RHYTHM)
    frames: list[pb.WorkerFrame] = []

    async def write(frame: pb.WorkerFrame) -> None:
        frames.append(frame)
        if len(frames) == 1:
            registry.draining = True
            call.report_load()

    async def nothing() -> AsyncIterator[pb.EdgeFrame]:
        await asyncio.sleep(1)
        for frame in list[pb.EdgeFrame]():
            yield frame

    await call.serve(nothing(), write)
    assert [frame.load.draining for frame in frames] == [False, True]


@in_virtual_time
async def test_an_open_is_answered_and_its_text_and_ending_follow() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1), open_(2))
        for stream in (1, 2):
            assert (await edge.ended(stream)).finished.finish_reason == "stop"
            assert (await edge.opened(stream)).generation_id.startswith("w1-")
        assert edge.text(1) == edge.text(2) != ""


@in_virtual_time
async def test_the_first_token_leaves_at_once_and_the_rest_with_the_tick() -> None:
    async with on_a_call(make_registry()) as edge:
        begin = asyncio.get_running_loop().time()
        edge.send(open_(1, tokens="100", tokens_per_second="1000"))
        await edge.ended(1)
    sent = [at for at, frame in zip(edge.instants, edge.frames, strict=True) if frame.text]
    assert sent[0] == pytest.approx(begin, abs=1e-6)  # the loop's turns take a nanosecond each
    gaps = [later - earlier for earlier, later in pairwise(sent[1:-1])]  # the last frame has the ending
    assert gaps == pytest.approx([RHYTHM.tick_s] * len(gaps), abs=0.0011)  # and there is a token each millisecond


@in_virtual_time
async def test_streams_share_a_frame() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(*(open_(stream, stall_at="40", tokens="50", tokens_per_second="1000") for stream in range(4)))
        await asyncio.sleep(1)
    rows = [len(frame.text) for frame in edge.frames if frame.text]
    assert len(rows) < 10
    assert rows[-4:] == [4, 4, 4, 4], "the first tokens were urgent, and may have left by themselves"


@in_virtual_time
async def test_while_the_transport_is_full_text_gathers_for_one_frame() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, tokens="40", tokens_per_second="100", stall_at="30"))
        await eventually(lambda: edge.text(1))
        edge.takes.clear()
        await asyncio.sleep(0.02)
        count = len(edge.frames)
        await asyncio.sleep(1)
        assert len(edge.frames) == count
        edge.takes.set()
        await asyncio.sleep(2 * BREATH_S)
        assert len(edge.frames) == count + 1
        assert list(edge.frames[-1].text_next_index) == [30]


@in_virtual_time
async def test_a_wrong_request_is_refused_by_its_field() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, colour="red"), pb.Command(stream=2, open=pb.GenerateRequest()))
        assert (await edge.refused(1)).field == "engine_options.colour"
        assert (await edge.refused(2)).field == "prompt"


@in_virtual_time
async def test_attach_reads_on_from_an_index() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, tokens="5", stall_at="3"))
        await eventually(lambda: edge.text(1))
        generation_id = (await edge.opened(1)).generation_id
        edge.send(attach(2, generation_id, 2), attach(3, generation_id, 0))
        assert (await edge.opened(2)).next_index == 2
        await eventually(lambda: edge.text(3))
        assert edge.text(3) == edge.text(1)
        assert edge.text(1).endswith(edge.text(2))
        assert edge.text(2).count(" ") == 1


@in_virtual_time
async def test_attach_to_what_is_unknown_gone_or_beyond_is_refused() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1), open_(2, stall_at=STALLED))
        await edge.ended(1)
        gone, there = (await edge.opened(1)).generation_id, (await edge.opened(2)).generation_id
        edge.send(attach(3, "w1-unknown", 0), attach(4, gone, 0), attach(5, there, 1))
        codes = [(await edge.refused(stream)).code for stream in (3, 4, 5)]
        assert codes == [Code.NOT_FOUND, Code.OUT_OF_RANGE, Code.INVALID_ARGUMENT]


@in_virtual_time
async def test_pause_and_resume() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, tokens="20", tokens_per_second="100"))
        await eventually(lambda: edge.text(1))
        edge.send(pause(1))
        await asyncio.sleep(0.001)
        before = edge.text(1)
        await asyncio.sleep(1)
        assert edge.text(1) == before
        edge.send(resume(1))
        await edge.ended(1)
        assert edge.text(1).count(" ") == 20


@pytest.mark.parametrize("command", [detach(1), cancel(1)], ids=["detach", "cancel"])
@in_virtual_time
async def test_detach_and_cancel_stop_the_engine(command: pb.Command) -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(open_(1, stall_at=STALLED))
        await edge.opened(1)
        edge.send(command)
        await eventually(lambda: registry.running == 0)
        await asyncio.sleep(2 * BREATH_S)
        endings = [ending.failed.code for frame in edge.frames for ending in frame.endings]
        assert endings == ([Code.CANCELLED] if command.HasField("cancel") else [])


@in_virtual_time
async def test_an_edge_that_leaves_while_a_request_is_prepared_starts_nothing() -> None:
    registry = make_registry(OneRunEngine(say_two_tokens, prepared=lambda: asyncio.sleep(1)))
    async with on_a_call(registry) as edge:
        edge.send(pb.Command(stream=1, open=pb.GenerateRequest(prompt="Hello")))
        await asyncio.sleep(0.5)
        edge.send(detach(1))
        await asyncio.sleep(1)
        assert len(edge.frames) == 1
    assert registry.running == 0


@in_virtual_time
async def test_a_command_of_a_newer_edge_is_passed_over() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(pb.Command(stream=9), open_(1))
        await edge.ended(1)


@in_virtual_time
async def test_when_the_edge_ends_the_call_its_generations_end() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(open_(1, stall_at=STALLED), open_(2, stall_at=STALLED))
        await edge.opened(2)
        assert registry.running == 2
    await eventually(lambda: registry.running == 0)


@in_virtual_time
async def test_when_the_call_is_cancelled_its_generations_end() -> None:
    registry = make_registry()
    call = ExchangeCall(registry, RHYTHM)
    edge = Edge(call)
    edge.takes.set()
    serving = asyncio.create_task(call.serve(edge.commands(), edge.write))
    edge.send(open_(1, stall_at=STALLED))
    await edge.opened(1)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await eventually(lambda: registry.running == 0)


@in_virtual_time
async def test_the_answers_of_a_burst_share_a_frame() -> None:
    async with on_a_call(make_registry()) as edge:
        for stream in range(8):
            edge.send(open_(stream, stall_at="1"))
            await asyncio.sleep(BREATH_S / 10)
        await asyncio.sleep(2 * BREATH_S)
        assert sum(len(frame.opened) for frame in edge.frames) == 8
        assert len(edge.frames) <= 1 + 3  # the hello, the first at once, and at most one per breath


@in_virtual_time
async def test_a_reader_with_an_interval_gets_a_row_each_and_an_edge_can_stretch_it() -> None:
    async with on_a_call(make_registry()) as edge:
        command = open_(1, tokens="200", tokens_per_second="100", stall_at="190")
        command.interval_ms = 50
        edge.send(command)
        await asyncio.sleep(1)
        assert 18 <= sum(bool(frame.text) for frame in edge.frames) <= 22
        edge.stretch(200)
        before = len(edge.frames)
        await asyncio.sleep(0.8)
        assert 7 <= len(edge.frames) - before <= 9


def test_the_timer_can_be_moved_on_the_real_event_loop_too_when_it_is_overdue() -> None:
    async def scenario() -> None:
        call, now = ExchangeCall(make_registry(), RHYTHM), asyncio.get_running_loop().time()
        for at in (now - 1, now + 1, now - 2):  # uvloop's handle for what is overdue is of another kind
            call._arm(at)
        assert not call._due.is_set()
        await asyncio.sleep(0.01)
        assert call._due.is_set()

    uvloop.run(scenario())
