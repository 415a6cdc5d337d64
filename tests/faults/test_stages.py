"""Answers in stages whose clients are cut off, and whose workers are killed: each is whole all the same."""

import asyncio
import signal
from typing import Any

import pytest

from tests.faults.client import Client, come_back, status
from tests.faults.conftest import Trio
from tests.faults.test_worker_lost import two_workers
from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_staged
from tests.support.staged import ONE_OBJECTION, STAGES, asked, completes_of, stages_of

PATH = "/chat/stream"
ONE_BY_ONE: dict[str, Any] = {"batch_interval_ms": 0, "resumable": True, "options": {"tokens_per_second": 100}}
GOLDEN = processes.ROOT / "tests" / "golden" / "staged_agent_multi.txt"


async def uncut(edge: str, request: dict[str, Any]) -> Client:
    return await (await Client(request, PATH).begin(edge)).read_to_end()


def assert_same(client: Client, whole: Client) -> None:
    """Everything is there once, however it was cut in pieces."""
    check_staged(client.events)
    assert stages_of(client.events) == stages_of(whole.events)
    assert completes_of(client.events) == completes_of(whole.events)
    assert client.index == whole.index


async def test_an_answer_with_an_objection_is_told_to_the_byte_as_its_transcript_has_it(trio: Trio) -> None:
    """But for the generation's id, and for tokens that came so close together that they share an event."""
    client = await uncut(trio.edges[0], asked(**ONE_BY_ONE))
    assert stages_of(client.events) == STAGES
    lines = GOLDEN.read_text().replace("w1-5c0fe2", client.generation_id).split("\n")
    written = [f"id: {event.id}" for event in client.events] + [f"data: {event.data}" for event in client.events]
    assert {line for line in written if line.startswith("id: ")} <= set(lines)
    assert written[-1] == "data: " + client.events[-1].data
    assert f"data: {client.events[-2].data}" in lines
    assert sum(line in lines for line in written) > 0.7 * len(lines) / 3, "hardly any event was a token"


async def test_it_is_whole_wherever_it_is_cut_on_two_edges_in_turn(trio: Trio) -> None:
    request = asked(**ONE_BY_ONE)
    whole = await uncut(trio.edges[0], request)

    async def cut_once(place: int) -> Client:
        here, there = trio.edges if place % 2 else reversed(trio.edges)
        client = await (await Client(request, PATH).begin(here)).read(place)
        client.leave(rudely=place % 4 > 1)
        if client.ended:
            assert await status(there, client.last_id) == 204
            return client
        return await (await client.resume(there)).read_to_end()

    clients = await asyncio.gather(*(cut_once(place) for place in range(1, len(whole.events) + 1)))
    assert len(clients) > 30
    for client in clients:
        assert_same(client, whole)


async def test_it_is_whole_when_it_is_cut_after_every_event(trio: Trio) -> None:
    request = asked(**ONE_BY_ONE)
    client = await Client(request, PATH).begin(trio.edges[0])
    for turn in range(1_000):
        await client.read(1)
        client.leave(rudely=turn % 2 == 0)
        if client.ended:
            break
        await client.resume(trio.edges[(turn + 1) % 2])
    assert_same(client, await uncut(trio.edges[1], request))


async def test_an_answer_that_is_over_is_there_from_every_event(trio: Trio) -> None:
    whole = await uncut(trio.edges[0], asked(**ONE_BY_ONE))
    for place, event in enumerate(whole.events[:-1]):
        rest = await (await come_back(trio.edges[place % 2], event.id, PATH)).all_events()
        client = Client({}, PATH)
        client.events = [*whole.events[: place + 1], *rest]
        assert_same(client, whole)


def has_come(client: Client, stage: str, turn: int, tokens: int) -> bool:
    """It has read so many tokens of that turn of that stage: of three characters each."""
    said = [text for _, name, text in stages_of(client.events) if name == stage and not text.startswith("Round ")]
    return len(said) == turn and len(said[-1]) >= 3 * tokens


@pytest.mark.parametrize(
    ("stage", "turn", "tokens"),
    [("planner", 1, 4), ("executor", 1, 1), ("verifier", 1, 5), ("executor", 2, 7), ("verifier", 2, 1)],
)
async def test_a_worker_that_is_killed_in_any_stage_is_not_noticed(stage: str, turn: int, tokens: int) -> None:
    with two_workers(edge_variables={"EDGE_BATCH_INTERVAL_MS": "0"}) as (edge, workers, _):
        slow = {f"{stage}.{turn}.tokens_per_second": 10}
        request = asked(batch_interval_ms=0, options={"tokens_per_second": 100} | slow)
        client = await Client(request, PATH).begin(edge)
        while not has_come(client, stage, turn, tokens):
            before = len(client.events)
            await client.read(1)
            assert len(client.events) > before, "the stream has ended"
        assert stages_of(client.events)[-1] not in STAGES, "there is more of that stage to come"
        (await owner_of(client, workers)).send(signal.SIGKILL)
        async with asyncio.timeout(20):
            await client.read_to_end()
        assert_same(client, await uncut(edge, asked(**ONE_BY_ONE)))


async def test_a_worker_that_is_killed_between_two_stages_is_not_noticed() -> None:
    with two_workers(edge_variables={"EDGE_BATCH_INTERVAL_MS": "0"}) as (edge, workers, _):
        request = asked(batch_interval_ms=0, options={"executor.2.first_token_delay_ms": 1_000})
        client = await Client(request, PATH).begin(edge)
        while not client.events or not client.events[-1].json["content"].startswith("Round "):
            await client.read(1)
        (await owner_of(client, workers)).send(signal.SIGKILL)
        async with asyncio.timeout(20):
            await client.read_to_end()
        assert_same(client, await uncut(edge, asked(**ONE_BY_ONE)))


async def test_a_worker_that_is_killed_behind_a_resume_is_not_noticed_either() -> None:
    """The edge that is come back to has not read the beginning: the worker tells it, labels and all."""
    with (
        two_workers(edge_variables={"EDGE_BATCH_INTERVAL_MS": "0"}) as (edge, workers, addresses),
        processes.edge(*addresses, EDGE_BATCH_INTERVAL_MS="0") as (other, _),
    ):
        processes.wait_until(lambda: processes.ready_workers(other) == 2, "two workers are ready")
        request = asked(batch_interval_ms=0, resumable=True, options={"tokens_per_second": 10}, seed=3)
        client = await (await Client(request, PATH).begin(edge)).read(14)
        client.leave()
        await (await client.resume(other)).read(3)
        owner = await owner_of(client, workers)
        owner.send(signal.SIGKILL)
        async with asyncio.timeout(30):
            await client.read_to_end()
        whole = await uncut(edge, request | {"engine_options": request["engine_options"] | {"tokens_per_second": 100}})
    assert_same(client, whole)


async def owner_of(client: Client, workers: list[processes.Service]) -> processes.Service:
    """The worker that has its generation, by the id that workers log."""
    worker_id = client.generation_id.partition("-")[0]
    (owner,) = [worker for worker in workers if worker_id in worker.output()]
    return owner


async def test_a_worker_that_drains_hands_its_stages_on() -> None:
    variables = {"WORKER_DRAIN_TIMEOUT_S": "0.2"}
    with two_workers(variables, {"EDGE_BATCH_INTERVAL_MS": "0"}) as (edge, workers, _):
        request = asked(batch_interval_ms=0, options={"tokens_per_second": 20})
        client = await (await Client(request, PATH).begin(edge)).read(12)
        (await owner_of(client, workers)).send(signal.SIGTERM)
        async with asyncio.timeout(30):
            await client.read_to_end()
        assert stages_of(client.events) == STAGES
    check_staged(client.events)


async def test_without_another_worker_it_is_lost_and_nothing_looks_complete() -> None:
    with processes.worker() as (address, worker), processes.edge(address) as (edge, _):
        client = await (await Client(asked(options={"tokens_per_second": 20}), PATH).begin(edge)).read(3)
        worker.send(signal.SIGKILL)
        await client.read_to_end()
    assert client.events[-1].json["type"] == "error"
    assert client.events[-1].json["code"] == "WORKER_LOST"
    assert completes_of(client.events) == []


async def test_a_stage_that_fails_is_told_behind_what_was_said(trio: Trio) -> None:
    request = asked(options={"verifier.1.fail_at": 3})
    events = await (await Exchange.post(trio.edges[0], request, PATH)).all_events()
    assert [event.json["type"] for event in events][-1] == "error"
    assert events[-1].json["code"] == "GENERATION_ERROR"
    assert stages_of(events)[-1] == ("thinking", "verifier", ONE_OBJECTION["verifier.1.text"][:9])
