"""The client goes away; the worker must stop at once. Each way of leaving is its own path through the edge."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from protos import inference_pb2 as pb
from tests.end_to_end.conftest import Pair
from tests.support.http import PATH, Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

LIMIT_S = 0.25
ENDLESS = {"prompt": "x", "engine_options": {"tokens": 1_000_000, "tokens_per_second": 100}}
SILENT = {"prompt": "x", "engine_options": {"first_token_delay_ms": 60_000}}
FLOOD = {"prompt": "x", "engine_options": {"tokens": 1_000_000, "tokens_per_second": 20_000}}


async def leave_by_fin(edge: str) -> Callable[[], None]:
    stream = await Exchange.post(edge, ENDLESS)
    await anext(stream.events())
    return stream.close


async def leave_by_rst(edge: str) -> Callable[[], None]:
    stream = await Exchange.post(edge, ENDLESS)
    await anext(stream.events())
    return stream.reset


async def leave_before_the_first_token(edge: str) -> Callable[[], None]:
    return (await Exchange.post(edge, SILENT)).close


async def leave_by_rst_before_the_first_token(edge: str) -> Callable[[], None]:
    return (await Exchange.post(edge, SILENT)).reset


async def leave_without_reading(edge: str) -> Callable[[], None]:
    """The edge's writes wait: both sockets' buffers are full."""
    stream = await Exchange.post(edge, FLOOD)
    stream.pause()
    await asyncio.sleep(2.0)  # time for about 300 kB of text, more than loopback's buffers take
    return stream.close


async def leave_before_the_response(edge: str) -> Callable[[], None]:
    """Not even the head is waited for."""
    head = f"POST {PATH} HTTP/1.1\nContent-Type: application/json"
    stream = await Exchange.send(edge, head, json.dumps(ENDLESS).encode())
    return stream.close


@pytest.mark.parametrize(
    "way",
    [
        leave_by_fin,
        leave_by_rst,
        leave_before_the_first_token,
        leave_by_rst_before_the_first_token,
        leave_without_reading,
    ],
    ids=lambda way: way.__name__,
)
async def test_the_worker_stops_within_250_ms(pair: Pair, way: Callable[[str], Awaitable[Callable[[], None]]]) -> None:
    async with WorkerProbe(pair.worker) as probe:
        leave = await way(pair.edge)
        await probe.wait_for_running(1, limit_s=5)
        leave()
        await probe.wait_for_running(0, limit_s=LIMIT_S)


async def test_who_leaves_before_the_response_leaves_nothing_behind(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        for _ in range(20):
            (await leave_before_the_response(pair.edge))()
        await asyncio.sleep(0.3)  # for the requests to be read: none at all would pass, too
        await probe.wait_for_running(0, limit_s=3)


async def test_a_grpc_client_that_leaves_stops_its_generation(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        call = probe.stub.GenerateTextStream(pb.GenerateRequest(prompt="x", engine_options={"tokens": "1000000"}))
        await call.read()
        await probe.wait_for_running(1, limit_s=5)
        call.cancel()
        await probe.wait_for_running(0, limit_s=LIMIT_S)


async def test_a_slow_client_loses_nothing_and_the_worker_waits(pair: Pair) -> None:
    """Stop reading for a while: the text waits in the worker's log, and all of it comes."""
    options = {"tokens": 60_000, "tokens_per_second": 0}
    stream = await Exchange.post(pair.edge, {"prompt": "slow", "engine_options": options})
    stream.pause()
    await asyncio.sleep(1.0)
    stream.resume()
    events = await stream.all_events()
    assert events[-1].json["usage"]["completionTokens"] == 60_000
    async with WorkerProbe(pair.worker) as probe:
        assert check_native(events) == await probe.text(asked("slow", tokens=60_000, tokens_per_second=0))
