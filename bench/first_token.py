"""How long a single client waits for its first token: through the edge, and from the worker alone."""

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc.aio

from bench.loads import Load
from bench.measure import SETTLE_S
from bench.peers.base import Running
from bench.peers.edge import Edge
from protos.inference_pb2 import GenerateRequest
from protos.inference_pb2_grpc import AIAgentServiceStub

if TYPE_CHECKING:
    from protos.inference_pb2_grpc import AIAgentServiceAsyncStub  # a name for types alone

WARM_UP = 20
REQUESTS = 200
ONE_TOKEN = Load(streams=1, tokens_per_s=1, seconds=1.0)
TOKEN = re.compile(rb" t\d+")


@dataclass(frozen=True, slots=True)
class FirstToken:
    """In milliseconds, from the request's writing; the engine makes its first token at once, so all of it is added."""

    requests: int
    edge_p50_ms: float
    edge_p99_ms: float
    worker_p50_ms: float
    worker_p99_ms: float

    @property
    def added_by_edge_ms(self) -> float:
        """What the median through the edge is above that of the worker alone."""
        return self.edge_p50_ms - self.worker_p50_ms


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that so large a part of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def first_token(peer: Edge, *, requests: int = REQUESTS) -> FirstToken:
    """Ask for one token, again and again, one request at a time."""
    with peer.running(ONE_TOKEN) as running:
        time.sleep(SETTLE_S)
        edge, worker = asyncio.run(_ask(running, requests))
    return FirstToken(
        requests=requests,
        edge_p50_ms=percentile(edge, 0.5),
        edge_p99_ms=percentile(edge, 0.99),
        worker_p50_ms=percentile(worker, 0.5),
        worker_p99_ms=percentile(worker, 0.99),
    )


async def _ask(running: Running, requests: int) -> tuple[list[float], list[float]]:
    """Both by turns, so that noise hits both; in milliseconds, without the warm-up."""
    edge, worker = [], []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.worker_port}") as channel:
        stub = AIAgentServiceStub(channel)
        for _ in range(WARM_UP + requests):
            edge.append(1000 * await _through_edge(running))
            worker.append(1000 * await _from_worker(stub))
    return edge[WARM_UP:], worker[WARM_UP:]


async def _through_edge(running: Running) -> float:
    """Of one request on a new connection, whose opening does not count: many clients have one already."""
    head = (
        f"POST {running.path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(running.body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    begin, seen = time.perf_counter(), b""
    writer.write(head.encode() + running.body)
    while not TOKEN.search(seen):
        data = await reader.read(65536)
        if not data:
            raise RuntimeError(f"The edge answered without a token: {seen[-500:]!r}")
        seen += data
    elapsed = time.perf_counter() - begin
    await reader.read()  # to the end, so that the next request finds the edge idle
    writer.close()
    await writer.wait_closed()
    return elapsed


async def _from_worker(stub: "AIAgentServiceAsyncStub") -> float:
    request = GenerateRequest(prompt="x", engine_options=ONE_TOKEN.engine_options)
    begin, elapsed = time.perf_counter(), 0.0
    async for chunk in stub.GenerateTextStream(request):
        if chunk.delta:
            elapsed = time.perf_counter() - begin
    return elapsed
