"""A link whose worker goes away, falls silent or talks nonsense."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.upstream.exchange import Route
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.links import PATIENT, linked, running
from tests.edge_proxy.upstream.readers import REQUEST, NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, open_none, serving, text_frame

SILENCE_S = 0.4
STRICT = LinkTimers(connect_s=10, silence_s=SILENCE_S, answer_s=10)


async def test_it_comes_back_when_the_workers_server_does() -> None:
    first, second, reader = ScriptedWorker("first"), ScriptedWorker("second"), NotingReader()
    async with contextlib.AsyncExitStack() as stack:
        async with serving(first) as address:
            link = await stack.enter_async_context(running(WorkerLink(address, PATIENT)))
            await eventually(lambda: link.ready)
            await link.open(REQUEST, Route(reader, None))
            first.send(text_frame(1, "abc", 3))
            await eventually(lambda: reader.pushed)
        await eventually(lambda: not link.ready)
        assert link.standing.troubles["broken"] + link.standing.troubles["no connection"] >= 1
        assert link.streams == 0
        assert reader.endings == [Failure(Code.WORKER_LOST, "The worker went away after 3 tokens.")]
        await stack.enter_async_context(serving(second, address))
        await eventually(lambda: link.worker_id == "second")
        assert (await link.open(REQUEST, Route(NotingReader(), None))).opened.generation_id == "second-1"


async def test_who_waits_to_be_opened_is_refused_when_the_worker_goes() -> None:
    worker = ScriptedWorker()
    worker.on_open = open_none
    async with serving(worker) as address:
        link = WorkerLink(address, PATIENT)
        async with running(link):
            await eventually(lambda: link.ready)
            opening = asyncio.create_task(link.open(REQUEST, Route(NotingReader(), None)))
            await eventually(lambda: worker.commands)
        with pytest.raises(Refused) as caught:
            await opening
    assert caught.value.failure == Failure(Code.WORKER_UNAVAILABLE)


async def test_a_worker_that_falls_silent_is_lost_and_tried_again() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker, STRICT) as link:
        loop = asyncio.get_running_loop()
        await link.open(REQUEST, Route(reader, None))
        begin = loop.time()
        await eventually(lambda: reader.endings)
        assert reader.endings == [Failure(Code.WORKER_LOST, "The worker went away after 0 tokens.")]
        assert loop.time() - begin > SILENCE_S / 2
        await eventually(lambda: worker.calls == 2)
        assert worker.ended >= 1
        assert link.standing.troubles["no frames"] >= 1


async def test_any_frame_breaks_the_silence() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker, STRICT) as link:
        loop = asyncio.get_running_loop()
        await link.open(REQUEST, Route(reader, None))
        begin, index = loop.time(), 0
        while loop.time() - begin < 2 * SILENCE_S:
            index += 1
            worker.send(text_frame(1, "x", index))
            await eventually(lambda: len(reader.pushed) == index)  # noqa: B023 - it is asked before the next round
        assert reader.endings == []
        assert worker.calls == 1


async def test_a_worker_that_does_not_say_hello_is_tried_again() -> None:
    worker = ScriptedWorker()
    worker.greets = False
    timers = LinkTimers(connect_s=0.1, silence_s=10, answer_s=10)
    async with serving(worker) as address, running(WorkerLink(address, timers)) as link:
        await eventually(lambda: worker.calls >= 2)
        assert not link.ready
        worker.greets = True
        await eventually(lambda: link.ready)
        await eventually(lambda: worker.ended == worker.calls - 1)
        assert link.standing.troubles["no hello"] == worker.calls - 1
        assert link.standing.connects == 1


async def test_a_first_frame_without_a_hello_does_not_make_it_ready() -> None:
    worker = ScriptedWorker()
    worker.greets = False
    async with serving(worker) as address, running(WorkerLink(address, PATIENT)) as link:
        await eventually(lambda: worker.calls == 1)
        worker.send(pb.WorkerFrame(load=pb.Load(max_streams=1)))
        await eventually(lambda: worker.calls == 2)
        assert not link.ready


async def test_a_lost_streams_source_can_still_be_left() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker, STRICT) as link:
        source = (await link.open(REQUEST, Route(reader, None))).source
        await eventually(lambda: reader.endings)
        await eventually(lambda: worker.calls == 2)
        source.pause()
        source.resume()
        source.leave()
        assert (await link.open(REQUEST, Route(NotingReader(), None))).opened.generation_id == "w1-1"
        assert worker.actions == [(1, "open"), (1, "open")]


async def test_a_worker_whose_columns_differ_in_length_is_lost_and_tried_again() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker) as link:
        await link.open(REQUEST, Route(reader, None))
        worker.send(pb.WorkerFrame(text_stream=[1], text=["a"]))
        await eventually(lambda: worker.ended == 1)
        await eventually(lambda: worker.calls == 2, limit_s=1)
        assert len(reader.endings) == 1
        assert link.standing.troubles["unreadable"] >= 1


@contextlib.asynccontextmanager
async def serving_bytes(frame: bytes, calls: list[None]) -> AsyncIterator[str]:
    """A server whose exchange begins with these bytes; its calls are counted by the list's length."""

    async def exchange(requests: object, context: Any) -> None:
        calls.append(None)
        await context.write(frame)
        await asyncio.Event().wait()

    server = grpc.aio.server()
    handlers: Any = {"Exchange": grpc.stream_stream_rpc_method_handler(exchange)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.v1.AIAgentService", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def test_a_worker_whose_frames_are_no_messages_is_lost_and_tried_again() -> None:
    calls: list[None] = []
    async with serving_bytes(b"\xff\xff\xff", calls) as address, running(WorkerLink(address, PATIENT)):
        await eventually(lambda: len(calls) >= 2, limit_s=1)


async def test_a_link_ends_when_it_is_cancelled_whatever_grpc_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class Call:
        """Begins, and takes the first cancellation for its own: as gRPC does when one meets its very beginning."""

        begun = 0

        async def read(self) -> pb.WorkerFrame:
            type(self).begun += 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

        def cancel(self) -> None:
            pass

    link = WorkerLink("127.0.0.1:9", PATIENT)
    monkeypatch.setattr(link._stub, "Exchange", Call)
    task = asyncio.create_task(link.run())
    await eventually(lambda: Call.begun)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()


async def test_a_stretch_outlives_the_call_that_it_was_told_on() -> None:
    worker = ScriptedWorker()
    async with linked(worker) as link:
        link.stretch(150)
        await eventually(lambda: worker.percents == [150])
        link.stretch(150)
        worker.hang_up()
        await eventually(lambda: worker.percents == [150, 150])
