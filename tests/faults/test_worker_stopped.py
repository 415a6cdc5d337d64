"""Workers that freeze: their streams move on, and nothing comes late when they thaw."""

import asyncio
import signal
from typing import Any

import pytest

from tests.faults.client import Client, together
from tests.faults.test_worker_lost import assert_whole, two_workers, undisturbed
from tests.support import processes

QUICK_WORKER = {"WORKER_HEARTBEAT_S": "0.2"}
QUICK_EDGE = {"EDGE_WORKER_SILENCE_TIMEOUT_S": "1"}


def scripted(seed: int, tokens: int, **options: Any) -> dict[str, Any]:
    return {
        "prompt": "Freeze.",
        "seed": seed,
        "engine_options": {"tokens": tokens, "tokens_per_second": 20} | options,
    }


async def freeze(*, worker: dict[str, str], edge: dict[str, str], streams: int, tokens: int) -> list[Client]:
    """Streams on two workers, of which one freezes and thaws when all have ended; how they ended."""
    with two_workers(worker, edge) as (address, (one, _), _):
        requests = [scripted(seed, tokens) for seed in range(streams)]
        texts = await undisturbed(address, requests)
        clients = [Client(request) for request in requests]
        await together(clients, [address])
        await asyncio.gather(*(client.read_past(3) for client in clients))
        one.send(signal.SIGSTOP)
        try:
            moved = [asyncio.create_task(client.read_to_end()) for client in clients]
            # Thaw while those that moved are still read: what the worker has held must reach nobody.
            await asyncio.to_thread(
                processes.wait_until, lambda: processes.ready_workers(address) == 1, "the worker counts as lost"
            )
        finally:
            one.send(signal.SIGCONT)
        async with asyncio.timeout(30):
            await asyncio.gather(*moved)
        assert_whole(clients, texts)
        await asyncio.to_thread(
            processes.wait_until, lambda: processes.ready_workers(address) == 2, "the worker is there again"
        )
    return clients


async def test_streams_of_a_frozen_worker_move_on_and_nothing_comes_late() -> None:
    clients = await freeze(worker=QUICK_WORKER, edge=QUICK_EDGE, streams=40, tokens=60)
    assert 0.8 < max(client.longest_pause_s for client in clients) < 3


@pytest.mark.long
async def test_with_the_default_settings_they_move_on_within_15_seconds() -> None:
    clients = await freeze(worker={}, edge={}, streams=20, tokens=60)
    assert 5 < max(client.longest_pause_s for client in clients) <= 15


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_model_that_thinks_for_long_does_not_look_dead(resumable: bool) -> None:
    request = scripted(1, 20, first_token_delay_ms=3000) | {"resumable": resumable}
    with processes.worker(**QUICK_WORKER) as (worker, _), processes.edge(worker, **QUICK_EDGE) as (edge, service):
        client = await (await Client(request).begin(edge)).read_to_end()
        assert_whole([client], await undisturbed(edge, [request]))
        assert client.events[-1].json["usage"]["completionTokens"] == 20
        assert "silent" not in service.output()
