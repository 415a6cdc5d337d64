"""Workers that are killed while they speak: their streams go on elsewhere, or say that they were lost."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.faults.client import Client, together, uncut
from tests.support import processes
from tests.support.worker_probe import WorkerProbe

STREAMS = 100
TOKENS = 60
PAUSE_S = 2.0  # what a reader may notice of a killed worker


def scripted(seed: int, **options: Any) -> dict[str, Any]:
    given = {"tokens": TOKENS, "tokens_per_second": 20} | options
    return {"prompt": "Lose me.", "seed": seed, "engine_options": given}


def real(seed: int) -> dict[str, Any]:
    """Slower than it could be, so that there is something to lose."""
    told = {"prompt": f"A story about {seed} owls.", "seed": seed, "temperature": 0, "max_tokens": 300}
    return told | {"engine_options": {"tokens_per_second": 40}}


@contextlib.contextmanager
def two_workers(
    variables: dict[str, str] | None = None, edge_variables: dict[str, str] | None = None
) -> Iterator[tuple[str, list[processes.Service], list[str]]]:
    """An edge's address, and the workers before which it stands: as processes, and their addresses."""
    with (
        processes.worker(**variables or {}) as (one, first),
        processes.worker(**variables or {}) as (other, second),
        processes.edge(one, other, **edge_variables or {}) as (edge, _),
    ):
        await_both_ready(edge)
        yield edge, [first, second], [one, other]


def await_both_ready(edge: str, count: int = 2) -> None:
    processes.wait_until(lambda: processes.ready_workers(edge) == count, f"{count} workers are ready")


async def undisturbed(edge: str, requests: Sequence[dict[str, Any]]) -> list[str]:
    """The texts of these requests when nothing happens, as fast as can be."""
    slow = ("tokens_per_second", "first_token_delay_ms")
    hurried = [
        request | {"engine_options": {name: 0 if name in slow else value for name, value in given.items()}}
        for request in requests
        for given in [request["engine_options"]]
    ]
    return list(await asyncio.gather(*(uncut(edge, request) for request in hurried)))


async def kill(worker: processes.Service, address: str) -> None:
    """Kill it while it has something to lose."""
    async with WorkerProbe(address) as probe:
        assert await probe.running() > 0
    worker.send(signal.SIGKILL)


async def begin_and_kill(
    edge: str, requests: Sequence[dict[str, Any]], worker: processes.Service, address: str
) -> list[Client]:
    """All streams, read to their ends, of which each had some text when the worker was killed."""
    clients = [Client(request) for request in requests]
    await together(clients, [edge])
    await asyncio.gather(*(client.read_past(3) for client in clients))
    assert not any(client.ended for client in clients)
    await kill(worker, address)
    async with asyncio.timeout(30):
        await asyncio.gather(*(client.read_to_end() for client in clients))
    return clients


def assert_whole(clients: Sequence[Client], texts: Sequence[str]) -> None:
    assert [client.text() for client in clients] == list(texts)
    assert all(client.complete and client.events[-1].name == "message" for client in clients)


async def test_a_hundred_streams_survive_a_worker_that_is_killed() -> None:
    requests = [scripted(seed) for seed in range(STREAMS)]
    with two_workers() as (edge, (one, _), addresses):
        texts = await undisturbed(edge, requests)
        clients = await begin_and_kill(edge, requests, one, addresses[0])
    assert_whole(clients, texts)
    assert max(client.longest_pause_s for client in clients) <= PAUSE_S
    owners = {client.generation_id.partition("-")[0] for client in clients}
    assert len(owners) == 2, "those that moved keep their ids"


async def test_without_another_worker_all_that_was_said_is_delivered_and_nothing_looks_complete() -> None:
    requests = [scripted(seed) for seed in range(STREAMS)]
    with processes.worker() as (address, worker), processes.edge(address) as (edge, _):
        texts = await undisturbed(edge, requests)
        clients = await begin_and_kill(edge, requests, worker, address)
    for client, text in zip(clients, texts, strict=True):
        said = client.text()
        last = client.events[-1]
        assert text.startswith(said)
        assert 3 <= client.index < TOKENS
        assert (last.name, last.json["code"]) == ("error", "WORKER_LOST")
        assert last.json["details"] == {"retryable": True, "partialTokens": client.index}


@pytest.mark.long
async def test_a_real_models_streams_survive_it_too() -> None:
    requests = [real(seed) for seed in range(1, 5)]
    with two_workers({"WORKER_ENGINE": "llamacpp"}) as (edge, (one, _), addresses):
        texts = await undisturbed(edge, requests)
        clients = await begin_and_kill(edge, requests, one, addresses[0])
    assert_whole(clients, texts)


async def test_a_worker_that_is_killed_before_the_first_token_is_not_noticed() -> None:
    requests = [scripted(seed, first_token_delay_ms=1500, tokens=20) for seed in range(20)]
    with two_workers() as (edge, (one, _), addresses):
        texts = await undisturbed(edge, requests)
        clients = [Client(request) for request in requests]
        await together(clients, [edge])
        await kill(one, addresses[0])
        async with asyncio.timeout(20):
            await asyncio.gather(*(client.read_to_end() for client in clients))
    assert_whole(clients, texts)


async def test_a_worker_that_comes_back_at_its_address_takes_streams_again() -> None:
    port = str(processes.free_port())
    with contextlib.ExitStack() as stack:
        address, worker = stack.enter_context(processes.worker(WORKER_PORT=port))
        edge, _ = stack.enter_context(processes.edge(address))
        client = await (await Client(scripted(1)).begin(edge)).read_past(3)
        worker.send(signal.SIGKILL)
        await client.read_to_end()
        assert client.events[-1].json["code"] == "WORKER_LOST"
        assert client.text()
        again = processes.worker(WORKER_PORT=port)
        await asyncio.to_thread(stack.enter_context, again)
        await asyncio.to_thread(await_both_ready, edge, 1)
        after = await (await Client(scripted(1)).begin(edge)).read_to_end()
        assert after.text().startswith(client.text())
        assert after.events[-1].json["isFinal"]
        assert after.generation_id.partition("-")[0] != client.generation_id.partition("-")[0]
