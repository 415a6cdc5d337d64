"""A real gRPC server with only our servicer on it, and a stub that calls it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from inference_worker.exchange_call import Rhythm
from inference_worker.registry import Registry
from inference_worker.servicer import Servicer
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc
from tests.inference_worker.registries import eventually


@dataclass
class Pair:
    """Both ends."""

    registry: Registry
    servicer: Servicer
    stub: Any  # gRPC's own types say neither metadata nor cancel()
    channel: grpc.aio.Channel


@asynccontextmanager
async def served(
    registry: Registry, *, heartbeat_s: float = 5, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> AsyncIterator[Pair]:
    """Serve the registry on a free port; at the end, no call is left."""
    servicer = Servicer(registry, Rhythm(tick_s=0.001, heartbeat_s=heartbeat_s))
    server = grpc.aio.server(interceptors=interceptors)
    rpc.add_AIAgentServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Pair(registry, servicer, rpc.AIAgentServiceStub(channel), channel)
    await server.stop(0)
    await eventually(lambda: servicer.open_calls == 0 and registry.running == 0)


def generate(prompt: str = "Hello", **fields: Any) -> pb.GenerateRequest:
    """A request of three tokens, made as fast as they can be."""
    options = {"tokens_per_second": "0", "tokens": "3"} | fields.pop("options", {})
    return pb.GenerateRequest(prompt=prompt, engine_options=options, **fields)


async def heard(call: Any) -> tuple[list[pb.StreamChunk], grpc.aio.AioRpcError]:
    """What a call says from here on, and how it fails."""
    chunks = []
    try:
        async for chunk in call:
            chunks.append(chunk)
    except grpc.aio.AioRpcError as error:
        return chunks, error
    raise AssertionError("it did not fail")


async def failure(call: Any) -> tuple[grpc.StatusCode, str | None]:
    """The same, without what it says."""
    _, error = await heard(call)
    return error.code(), error.details()
