"""Commands for a stream that is just being opened are carried out in order, too."""

import asyncio

import pytest

from protos import inference_pb2 as pb
from tests.inference_worker.exchange_edge import attach, cancel, detach, on_a_call, open_
from tests.inference_worker.one_run_engine import OneRunEngine, say_two_tokens
from tests.inference_worker.registries import eventually, make_registry
from tests.support.virtual_time import in_virtual_time

STALLED = "0"


@in_virtual_time
async def test_a_detach_behind_its_open_starts_nothing() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(open_(1, stall_at=STALLED), detach(1))
        await asyncio.sleep(1)
        assert registry.running == 0
        assert len(edge.frames) == 1


@in_virtual_time
async def test_a_detach_that_meets_an_opening_that_is_done_is_not_lost() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(open_(1, stall_at=STALLED))
        await asyncio.sleep(0)  # the command is read, and the opening begins behind what is ready
        edge.send(detach(1))
        await asyncio.sleep(1)
        assert registry.running == 0


@in_virtual_time
async def test_a_cancel_behind_its_open_is_answered() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(open_(1, stall_at=STALLED), cancel(1))
        await asyncio.sleep(1)
        assert any(frame.refused or frame.endings for frame in edge.frames)


@in_virtual_time
async def test_a_slow_open_holds_up_no_other_command() -> None:
    registry = make_registry(OneRunEngine(say_two_tokens, prepared=lambda: asyncio.sleep(1)))
    async with on_a_call(registry) as edge:
        edge.send(pb.Command(stream=1, open=pb.GenerateRequest(prompt="Hello")), attach(2, "w1-unknown", 0))
        await edge.refused(2)
        assert edge.instants[-1] == pytest.approx(0, abs=0.01)
        await eventually(lambda: edge.text(1) == "one two")


@in_virtual_time
async def test_a_number_that_is_taken_begins_nothing_that_would_outlive_its_call() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(open_(1, stall_at=STALLED), open_(1, stall_at=STALLED))
        await edge.refused(1)
        opened = await edge.opened(1)
        edge.send(open_(1, stall_at=STALLED), attach(1, opened.generation_id, 0))
        await asyncio.sleep(1)
        assert [len(frame.refused) for frame in edge.frames if frame.refused] == [1, 2]
        assert registry.running == 1
    await asyncio.sleep(1)
    assert registry.running == 0
