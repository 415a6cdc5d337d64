"""Trouble on the way between client and edge: a relay stands there and makes it."""

import asyncio

from tests.faults.client import Client, together, uncut
from tests.faults.conftest import Trio
from tests.support.relay import Relay
from tests.support.worker_probe import WorkerProbe

TOKENS = 60
READERS = 20
SCRIPTED = {
    "prompt": "Far from you.",
    "seed": 3,
    "resumable": True,
    "batch_interval_ms": 0,
    "engine_options": {"tokens": TOKENS, "tokens_per_second": 40},
}


async def test_clients_whose_connections_are_reset_come_back_and_lose_nothing(trio: Trio) -> None:
    """Three times, wherever it meets them; each time the worker goes on for who is away."""
    async with Relay(trio.edges[0]) as relay, WorkerProbe(trio.worker) as probe:
        clients = [Client(SCRIPTED) for _ in range(READERS)]
        await together(clients, [relay.address])
        for index in (5, 20, 40):
            await asyncio.gather(*(client.read_past(index) for client in clients))
            assert relay.cut() == READERS
            await asyncio.gather(*(client.read() for client in clients))
            assert not any(client.ended for client in clients)
            for client in clients:
                client.leave()
            await asyncio.gather(*(client.resume(relay.address) for client in clients))
        await asyncio.gather(*(client.read_to_end() for client in clients))
        await probe.wait_for_running(0, limit_s=5)
    assert {client.text() for client in clients} == {await uncut(trio.edges[1], SCRIPTED)}


async def test_a_request_and_its_stream_that_come_in_slivers_are_whole(trio: Trio) -> None:
    """A head, a body, a chunk's size and a letter of several bytes are cut anywhere."""
    async with Relay(trio.edges[0], slice_bytes=3) as relay:
        clients = [Client(SCRIPTED) for _ in range(READERS)]
        await together(clients, [relay.address])
        await asyncio.gather(*(client.read_to_end() for client in clients))
    assert {client.text() for client in clients} == {await uncut(trio.edges[1], SCRIPTED)}
    assert all(client.complete for client in clients)


async def test_what_a_black_hole_held_back_is_whole_when_it_comes(trio: Trio) -> None:
    async with Relay(trio.edges[0]) as relay:
        client = await (await Client(SCRIPTED).begin(relay.address)).read_past(5)
        relay.manners.open.clear()
        reading = asyncio.create_task(client.read_to_end())
        async with WorkerProbe(trio.worker) as probe:
            await probe.wait_for_running(0, limit_s=10)  # it has said all
        assert not client.ended
        relay.manners.open.set()
        await reading
    assert client.text() == await uncut(trio.edges[1], SCRIPTED)
