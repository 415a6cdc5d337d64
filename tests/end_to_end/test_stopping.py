"""What clients see when a process ends, by a signal or by force, and what is there afterwards."""

import asyncio
import signal

import grpc
import pytest

from protos import inference_pb2 as pb
from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

SLOW = {"prompt": "x", "engine_options": {"tokens": 1_000, "tokens_per_second": 100}}


async def ends_within(service: processes.Service, limit_s: float) -> int:
    """The exit code."""
    return await asyncio.to_thread(service.process.wait, limit_s)


async def test_an_edge_that_is_interrupted_tells_its_clients() -> None:
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, edge_process):
        stream = await Exchange.post(edge, SLOW)
        arriving = stream.events()
        events = [(await anext(arriving))[1]]
        edge_process.send(signal.SIGINT)
        events += [event async for _, event in arriving]
        stream.close()
        text = check_native(events)
        assert events[-1].json["code"] == "SERVER_DRAINING"
        assert events[-1].json["details"]["retryable"] is True
        assert stream.complete
        assert await ends_within(edge_process, 3) == 0
        assert "Traceback" not in edge_process.output()
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=3)
            partial_tokens = events[-1].json["details"]["partialTokens"]
            assert text == await probe.text(asked("x", tokens_per_second=0, tokens=partial_tokens))


async def test_a_worker_finishes_what_runs_after_sigterm_and_takes_nothing_new() -> None:
    request = pb.GenerateRequest(prompt="x", engine_options={"tokens": "50", "tokens_per_second": "50"})
    with processes.worker() as (address, process):
        async with WorkerProbe(address) as probe:
            chunks = aiter(probe.stub.GenerateTextStream(request))
            await anext(chunks)
            process.send(signal.SIGTERM)
            await asyncio.to_thread(process.wait_for, r"(SIGTERM): no new generations")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await probe.text(request)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert [chunk async for chunk in chunks][-1].is_final
        assert await ends_within(process, 3) == 0
        assert "Traceback" not in process.output()


async def test_a_second_signal_ends_a_worker_at_once() -> None:
    with processes.worker() as (address, process):
        async with WorkerProbe(address) as probe:
            call = probe.stub.GenerateTextStream(pb.GenerateRequest(prompt="x", engine_options={"stall_at": "1"}))
            await call.read()
            process.send(signal.SIGTERM)
            await asyncio.to_thread(process.wait_for, r"(SIGTERM): no new generations")
            process.send(signal.SIGTERM)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await ends_within(process, 3) == 0


async def test_a_killed_worker_is_told_with_all_text_and_another_takes_over() -> None:
    with processes.worker(WORKER_ID="first") as (first, process), processes.edge(first) as (edge, _):
        stream = await Exchange.post(edge, SLOW)
        arriving = stream.events()
        events = [(await anext(arriving))[1]]
        process.send(signal.SIGKILL)
        events += [event async for _, event in arriving]
        stream.close()
        text = check_native(events)
        error = events[-1].json
        assert error["code"] == "WORKER_LOST"
        assert error["details"] == {"retryable": True, "partialTokens": int(events[-1].id.rpartition(".")[2])}

        refused = await Exchange.post(edge, SLOW)
        assert refused.status == 503
        assert refused.headers["retry-after"]
        assert (await refused.json())["code"] == "WORKER_UNAVAILABLE"

        port = first.rpartition(":")[2]
        with processes.worker(WORKER_PORT=port, WORKER_ID="second"):
            async with WorkerProbe(first) as probe:
                partial_tokens = error["details"]["partialTokens"]
                assert text == await probe.text(asked("x", tokens_per_second=0, tokens=partial_tokens))
            await asyncio.to_thread(processes.wait_until, lambda: processes.is_ready(edge), "the edge is back")
            again = await Exchange.post(edge, {"prompt": "x", "engine_options": {"tokens": 3}})
            assert again.headers["x-generation-id"].startswith("second-")
            assert check_native(await again.all_events())


async def test_streams_spread_over_workers() -> None:
    with (
        processes.worker(WORKER_ID="one") as (one, _),
        processes.worker(WORKER_ID="two") as (two, _),
        processes.edge(one, two) as (edge, edge_process),
    ):
        await asyncio.to_thread(edge_process.wait_for, r"is (one):")
        await asyncio.to_thread(edge_process.wait_for, r"is (two):")
        streams = [await Exchange.post(edge, SLOW) for _ in range(10)]
        owners = [stream.headers["x-generation-id"].partition("-")[0] for stream in streams]
        for stream in streams:
            stream.close()
        assert sorted(owners) == ["one"] * 5 + ["two"] * 5
