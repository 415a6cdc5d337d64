"""Trouble on the way between edge and worker: a relay stands there and makes it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.faults.client import Client, together, uncut
from tests.faults.test_worker_lost import assert_whole, await_both_ready, undisturbed
from tests.support import processes
from tests.support.relay import Relay
from tests.support.worker_probe import WorkerProbe

QUICK = {"EDGE_WORKER_SILENCE_TIMEOUT_S": "1"}
HEARTBEAT = {"WORKER_HEARTBEAT_S": "0.2"}
LATENCY_S = 0.2


def scripted(seed: int, tokens: int = 60) -> dict[str, Any]:
    return {"prompt": "Far away.", "seed": seed, "engine_options": {"tokens": tokens, "tokens_per_second": 20}}


@contextlib.asynccontextmanager
async def relayed(
    *, others: int = 0, worker: dict[str, str] | None = None, edge: dict[str, str] | None = None, **manners: Any
) -> AsyncIterator[tuple[str, str, Relay]]:
    """The addresses of an edge and of a worker, with a relay between; and so many workers without one."""
    with contextlib.ExitStack() as stack:
        address, _ = stack.enter_context(processes.worker(**worker or {}))
        more = [stack.enter_context(processes.worker(**worker or {}))[0] for _ in range(others)]
        async with Relay(address, **manners) as relay:
            starting = processes.edge(relay.address, *more, **edge or {})
            # In a thread, because the relay is run here.
            front, _ = await asyncio.to_thread(stack.enter_context, starting)
            await asyncio.to_thread(await_both_ready, front, 1 + others)
            yield front, address, relay
            await asyncio.to_thread(stack.close)


async def test_streams_whose_connection_is_reset_are_attached_again_and_lose_nothing() -> None:
    """Twice, and nothing else could have gone on with them: there is one worker."""
    requests = [scripted(seed) for seed in range(40)]
    async with relayed() as (edge, worker, relay):
        texts = await undisturbed(edge, requests)
        clients = [Client(request) for request in requests]
        await together(clients, [edge])
        for index in (5, 30):
            await asyncio.gather(*(client.read_past(index) for client in clients))
            async with WorkerProbe(worker) as probe:
                assert relay.cut() == 1
                assert await probe.running() == len(clients), "the worker waits for the edge"
        await asyncio.gather(*(client.read_to_end() for client in clients))
    assert_whole(clients, texts)
    assert max(client.longest_pause_s for client in clients) < 1


async def test_a_connection_that_breaks_before_the_first_token_is_not_noticed() -> None:
    request = scripted(1, 10)
    request["engine_options"] |= {"first_token_delay_ms": 1000}
    async with relayed() as (edge, _, relay):
        clients = await asyncio.gather(*(Client(request).begin(edge) for _ in range(10)))
        assert relay.cut() == 1
        await asyncio.gather(*(client.read_to_end() for client in clients))
        assert_whole(clients, 10 * await undisturbed(edge, [request]))


async def test_an_ending_that_is_lost_with_its_connection_is_told_again() -> None:
    """All of it has been generated and sent: nothing of that may be asked of another worker, and there is none."""
    request = scripted(1, 20)
    async with relayed() as (edge, worker, relay):
        texts = await undisturbed(edge, [request])
        client = await (await Client(request).begin(edge)).read_past(5)
        relay.manners.open.clear()
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=5)
        relay.cut()
        relay.manners.open.set()
        await client.read_to_end()
    assert_whole([client], texts)


async def seen_from(latency_s: float) -> tuple[float, Client]:
    """A whole stream at that distance, and when it began."""
    async with relayed(latency_s=latency_s) as (edge, _, _):
        await uncut(edge, scripted(1, 1))  # which the first stream of all is slower by
        begin = asyncio.get_running_loop().time()
        client = await (await Client(scripted(1)).begin(edge)).read_to_end()
        return client.instants[0] - begin, client


@pytest.mark.long
async def test_latency_is_paid_once_before_the_first_token() -> None:
    (near_s, near), (far_s, far) = await seen_from(0.0), await seen_from(LATENCY_S)
    assert near.text() == far.text()
    assert 2 * LATENCY_S <= far_s < near_s + 2 * LATENCY_S + 0.15
    spans = [client.instants[-1] - client.instants[0] for client in (near, far)]
    assert abs(spans[0] - spans[1]) < 0.15, "the rest has its own pace"


@pytest.mark.long
async def test_a_link_of_a_kilobyte_per_second_carries_all_in_its_time() -> None:
    requests = [scripted(seed) for seed in range(6)]
    async with relayed() as (edge, _, relay):
        texts = await undisturbed(edge, requests)
        relay.manners.bytes_per_s, relay.manners.slice_bytes = 1000, 100
        clients = [Client(request) for request in requests]
        await together(clients, [edge])
        await asyncio.gather(*(client.read_to_end() for client in clients))
    assert_whole(clients, texts)
    longest_s = max(client.instants[-1] - client.instants[0] for client in clients)
    assert longest_s > 1.2 * 60 / 20, "it was not the link that was slow"


async def test_a_stream_that_comes_in_slivers_is_whole() -> None:
    """Frames of gRPC and of HTTP/2, and letters of several bytes, are cut anywhere."""
    requests = [scripted(seed) for seed in range(20)]
    async with relayed(slice_bytes=7) as (edge, _, _):
        texts = await undisturbed(edge, requests)
        clients = [Client(request) for request in requests]
        await together(clients, [edge])
        await asyncio.gather(*(client.read_to_end() for client in clients))
    assert_whole(clients, texts)


async def test_streams_behind_a_black_hole_move_on_and_nothing_comes_late() -> None:
    requests = [scripted(seed) for seed in range(20)]
    async with relayed(others=1, worker=HEARTBEAT, edge=QUICK) as (edge, worker, relay):
        texts = await undisturbed(edge, requests)
        clients = [Client(request) for request in requests]
        await together(clients, [edge])
        await asyncio.gather(*(client.read_past(3) for client in clients))
        async with WorkerProbe(worker) as probe:
            assert await probe.running() > 0
        relay.manners.open.clear()
        reading = [asyncio.create_task(client.read_to_end()) for client in clients]
        await asyncio.to_thread(
            processes.wait_until, lambda: processes.ready_workers(edge) == 1, "the worker counts as lost"
        )
        relay.manners.open.set()  # what was held back arrives while the others are still read
        await asyncio.gather(*reading)
        assert_whole(clients, texts)
        await asyncio.to_thread(await_both_ready, edge, 2)
    assert 0.5 < max(client.longest_pause_s for client in clients) < 3


async def test_a_black_hole_without_a_way_around_ends_streams_in_words() -> None:
    async with relayed(worker=HEARTBEAT, edge=QUICK) as (edge, worker, relay):
        client = await (await Client(scripted(1, 1_000_000)).begin(edge)).read_past(3)
        relay.manners.open.clear()
        async with asyncio.timeout(10):
            await client.read_to_end()
        assert client.text()
        assert client.events[-1].json["code"] == "WORKER_LOST"
        relay.manners.open.set()
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=8)
