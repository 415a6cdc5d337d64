"""Edges that are killed: clients come back to another one, and nobody generates for those who can not."""

import asyncio
import signal
from typing import Any

from tests.faults.client import Client, together
from tests.support import processes
from tests.support.worker_probe import WorkerProbe, asked

STREAMS = 100
TOKENS = 60
REATTACH_WINDOW_S = 3.0  # the worker's default


def scripted(seed: int, **changes: Any) -> dict[str, Any]:
    options = {"tokens": TOKENS, "tokens_per_second": 20}
    return {"prompt": "Lose the edge.", "seed": seed, "resumable": True, "engine_options": options} | changes


async def test_a_hundred_streams_of_a_killed_edge_are_complete_on_the_other() -> None:
    with (
        processes.worker() as (worker, _),
        processes.edge(worker) as (one, first),
        processes.edge(worker) as (other, _),
    ):
        async with WorkerProbe(worker) as probe:
            texts = [
                await probe.text(asked("Lose the edge.", seed=seed, tokens=TOKENS, tokens_per_second=0))
                for seed in range(STREAMS)
            ]
            clients = [Client(scripted(seed)) for seed in range(STREAMS)]
            await together(clients, [one, other])
            await asyncio.gather(*(client.read_past(3) for client in clients))
            first.send(signal.SIGKILL)
            await asyncio.gather(*(client.read() for client in clients))
            cut = [client for client in clients if not client.ended]
            assert len(cut) == STREAMS // 2, "those of the edge that lives are not touched"
            for client in cut:
                client.leave()
            await asyncio.gather(*(client.resume(other) for client in cut))
            async with asyncio.timeout(20):
                await asyncio.gather(*(client.read_to_end() for client in clients))
            assert [client.text() for client in clients] == texts
            assert all(client.events[-1].json.get("isFinal") for client in clients)
            await probe.wait_for_running(0, limit_s=5)


async def test_what_nobody_can_come_back_for_stops_when_the_worker_has_waited_for_the_edge() -> None:
    endless = {"engine_options": {"tokens": 1_000_000, "tokens_per_second": 20}, "resumable": False}
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, service):
        clients = [Client(scripted(seed, **endless)) for seed in range(20)]
        await together(clients, [edge])
        await asyncio.gather(*(client.read_past(1) for client in clients))
        async with WorkerProbe(worker) as probe:
            assert await probe.running() == 20
            service.send(signal.SIGKILL)
            service.process.wait(5)
            assert await probe.running() == 20, "the edge may come back for a moment"
            took_s = await probe.wait_for_running(0, limit_s=REATTACH_WINDOW_S + 1)
        assert took_s > REATTACH_WINDOW_S / 2
        for client in clients:
            client.leave()
