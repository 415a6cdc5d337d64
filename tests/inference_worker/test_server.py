import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from inference_worker.engines.scripted import ScriptedEngine
from inference_worker.server import SERVICE_NAME, Worker, make_engine, serve
from inference_worker.settings import Settings
from inference_worker.status import EngineError, Refused
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc
from tests.inference_worker.grpc_pair import failure, generate
from tests.inference_worker.registries import eventually

STALLED = {"stall_at": "1"}
SERVING, NOT_SERVING = 1, 2  # of grpc.health.v1


def make_settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {"engine": "scripted", "port": 0, "id": "w1", "tick_ms": 1}
    return Settings(**given | changes)


@dataclass
class Running:
    """A worker, and a channel to it."""

    worker: Worker
    address: str
    channel: grpc.aio.Channel
    stub: Any  # gRPC's own types do not know what its calls can do

    async def health(self, service: str = "") -> int:
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(response.status)


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[Running]:
    """Run a worker until the test leaves."""
    settings = make_settings(**changes)
    worker = Worker(settings, make_engine(settings))
    address = await worker.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield Running(worker, address, channel, rpc.AIAgentServiceStub(channel))
    await worker.stop()


async def test_a_worker_serves_what_its_settings_say() -> None:
    async with running(max_streams=3, engine_options={"tokens": "2", "tokens_per_second": "0"}) as one:
        call = one.stub.Exchange()
        frame = await call.read()
        call.cancel()
        chunks = [chunk async for chunk in one.stub.GenerateTextStream(pb.GenerateRequest(prompt="Hello"))]
    assert (frame.hello.worker_id, frame.load.max_streams) == ("w1", 3)
    assert (chunks[-1].next_index, chunks[-1].finish_reason) == (2, "stop")


async def test_a_second_worker_can_not_have_the_port_of_the_first() -> None:
    async with running() as one:
        second = Worker(make_settings(port=int(one.address.rpartition(":")[2])), ScriptedEngine({}))
        with pytest.raises(OSError, match=f"{one.address} can not be listened on"):
            await second.start()
        await second.stop()


async def test_a_request_that_is_too_large_is_refused() -> None:
    async with running(max_message_bytes=2_000) as one:
        taken = [chunk async for chunk in one.stub.GenerateTextStream(generate("x" * 1_500))]
        assert taken[-1].is_final
        code, _ = await failure(one.stub.GenerateTextStream(generate("x" * 2_500)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("service", ["", SERVICE_NAME])
async def test_a_worker_is_healthy_until_it_drains(service: str) -> None:
    async with running() as one:
        assert await one.health(service) == SERVING
        await one.worker.drain(0)
        assert await one.health(service) == NOT_SERVING


@pytest.mark.parametrize("reflection", [True, False])
async def test_reflection_is_served_if_it_is_asked_for(reflection: bool) -> None:
    async def question() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async with running(reflection=reflection) as one:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(one.channel)
        call = stub.ServerReflectionInfo(question())
        if reflection:
            answer = await anext(aiter(call))
            assert SERVICE_NAME in [service.name for service in answer.list_services_response.service]
            call.cancel()
        else:
            assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_draining_worker_finishes_what_runs_and_refuses_what_is_new() -> None:
    async with running() as one:
        call = one.stub.GenerateTextStream(generate(options={"tokens": "20", "tokens_per_second": "100"}))
        await anext(aiter(call))
        draining = asyncio.create_task(one.worker.drain(10))
        await eventually(lambda: one.worker.registry.draining)
        code, _ = await failure(one.stub.GenerateTextStream(generate()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert not draining.done()
        chunks = [chunk async for chunk in call]
        await draining
    assert (chunks[-1].is_final, chunks[-1].next_index) == (True, 20)


async def test_draining_does_not_wait_longer_than_it_may() -> None:
    async with running() as one:
        call = one.stub.GenerateTextStream(generate(options=STALLED))
        await anext(aiter(call))
        await one.worker.drain(0.05)
        assert one.worker.registry.running == 1


async def test_edges_learn_that_a_worker_drains() -> None:
    async with running(heartbeat_s=3600) as one:
        call = one.stub.Exchange()
        assert not (await call.read()).load.draining
        await one.worker.drain(0)
        assert (await asyncio.wait_for(call.read(), 5)).load.draining


async def ending_of(exchange: Any) -> pb.Ending:
    """How the first stream to end does."""
    while not (frame := await exchange.read()).endings:
        pass
    ending: pb.Ending = frame.endings[0]
    return ending


GOES_AWAY = "The worker is shutting down."


@pytest.mark.parametrize("tick_ms", [1, 300], ids=["at once", "with the text that waits for its tick"])
async def test_a_stop_tells_every_reader_why(tick_ms: float) -> None:
    request = generate(options={"tokens": "10000", "tokens_per_second": "200"})
    async with running(tick_ms=tick_ms) as one:
        plain = one.stub.GenerateTextStream(request)
        exchange = one.stub.Exchange()
        await exchange.write(pb.EdgeFrame(commands=[pb.Command(stream=1, open=request)]))
        while not (await exchange.read()).text:
            pass
        await anext(aiter(plain))
        stopping = asyncio.create_task(one.worker.stop())
        assert await ending_of(exchange) == pb.Ending(stream=1, failed=pb.Status(code=14, message=GOES_AWAY))
        assert await failure(plain) == (grpc.StatusCode.UNAVAILABLE, GOES_AWAY)
        await stopping


def test_an_engine_that_can_not_be_had_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="There is no model file"):
        make_engine(make_settings(engine="llamacpp", model=str(tmp_path / "none.gguf")))
    with pytest.raises(Refused):
        make_engine(make_settings(engine_options={"colour": "red"}))


@asynccontextmanager
async def serving(caplog: pytest.LogCaptureFixture, **changes: Any) -> AsyncIterator[tuple[Any, asyncio.Task[None]]]:
    """A stub of a worker that is served until a signal, and the task that serves it."""
    caplog.set_level(logging.INFO)
    task = asyncio.create_task(serve(make_settings(**changes)))
    await eventually(lambda: "Worker w1 serves scripted on" in caplog.text)
    address = caplog.messages[-1].removesuffix(".").split()[-1]
    async with grpc.aio.insecure_channel(address) as channel:
        yield rpc.AIAgentServiceStub(channel), task
    await asyncio.wait_for(task, 10)
    assert caplog.messages[-1] == "Worker w1 has stopped."


async def test_sigterm_lets_what_runs_finish(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog) as (stub, _):
        call = stub.GenerateTextStream(generate(options={"tokens": "20", "tokens_per_second": "100"}))
        await anext(aiter(call))
        os.kill(os.getpid(), signal.SIGTERM)
        assert [chunk.is_final async for chunk in call][-1]


async def test_sigterm_waits_no_longer_than_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog, drain_timeout_s=0.05) as (stub, _):
        call = stub.GenerateTextStream(generate(options=STALLED))
        await anext(aiter(call))
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await failure(call))[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
async def test_a_second_signal_ends_the_wait(
    caplog: pytest.LogCaptureFixture, first: signal.Signals, second: signal.Signals
) -> None:
    async with serving(caplog, drain_timeout_s=60) as (stub, task):
        call = stub.GenerateTextStream(generate(options=STALLED))
        await anext(aiter(call))
        os.kill(os.getpid(), first)
        await eventually(lambda: f"{first.name}: no new generations; 1 run, 60 s for them." in caplog.messages)
        assert not task.done()
        os.kill(os.getpid(), second)
        assert (await failure(call))[0] is grpc.StatusCode.UNAVAILABLE


async def test_sigint_gives_what_runs_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog, drain_timeout_s=60) as (stub, _):
        call = stub.GenerateTextStream(generate(options=STALLED))
        await anext(aiter(call))
        os.kill(os.getpid(), signal.SIGINT)
        await eventually(lambda: "SIGINT: no new generations; 1 run, 1 s for them." in caplog.messages)
        os.kill(os.getpid(), signal.SIGINT)
        assert (await failure(call))[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_staged_answer_is_served_within_the_workers_rounds() -> None:
    options = {"tokens_per_second": "0", "tokens": "2", "verifier.text": "OBJECT"}
    async with running(pipeline_rounds=2, engine_options=options) as here:
        chunks = [chunk async for chunk in here.stub.GenerateTextStream(asked_in_stages())]
    said = [(chunk.label.stage, pb.Channel.Name(chunk.label.channel)) for chunk in chunks if chunk.HasField("label")]
    assert said.count(("verifier", "REASONING")) == 2


def asked_in_stages() -> pb.GenerateRequest:
    return pb.GenerateRequest(prompt="x", pipeline="agent_multi")


async def test_a_worker_says_whether_it_runs_code(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    async with running():
        assert "code" not in caplog.text
    monkeypatch.setenv("PATH", "/nowhere")
    async with running(execute_code=True) as here:
        assert (
            "Generated code is not executed, although WORKER_EXECUTE_CODE asks for it. There is no bwrap" in caplog.text
        )
        assert await here.health() == SERVING
