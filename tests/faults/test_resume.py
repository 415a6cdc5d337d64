"""Clients whose connections are cut, and who come back, on another edge or to an edge that was killed."""

import asyncio
import contextlib
import signal
from typing import Any

import pytest

from tests.faults.client import Client, come_back, come_back_by_query, status, uncut
from tests.faults.conftest import Trio
from tests.support import node, processes
from tests.support.http import Exchange
from tests.support.sse import check_ask, check_native
from tests.support.web_socket import Socket
from tests.support.worker_probe import WorkerProbe, asked

TOKENS = 200
SCRIPTED = {
    "prompt": "Cut me.",
    "seed": 11,
    "resumable": True,
    "batch_interval_ms": 0,
    "engine_options": {"tokens": TOKENS, "tokens_per_second": 200},
}
REAL_TOKENS = 40
REAL = {
    "prompt": "Tell me a story about an owl.",
    "seed": 5,
    "temperature": 0,
    "max_tokens": REAL_TOKENS,
    "resumable": True,
    "batch_interval_ms": 0,
}
PACED = REAL | {"engine_options": {"tokens_per_second": 40}}  # by itself it may be done before a reader is back
ENDLESS = SCRIPTED | {"engine_options": {"tokens": 1_000_000, "tokens_per_second": 50}}


async def cut_once(trio: Trio, request: dict[str, Any], place: int) -> Client:
    """A whole reading, cut behind that many events: the first or the last included."""
    here, there = trio.edges if place % 2 else reversed(trio.edges)
    client = await (await Client(request).begin(here)).read(place)
    client.leave(rudely=place % 4 > 1)
    if client.ended:
        assert await status(there, client.last_id) == 204
        return client
    return await (await client.resume(there)).read_to_end()


async def cut_at_each(trio: Trio, request: dict[str, Any], cuts: int) -> None:
    expected = await uncut(trio.edges[0], request)
    clients = await asyncio.gather(*(cut_once(trio, request, place) for place in range(1, cuts + 1)))
    assert [client.text() == expected for client in clients] == [True] * cuts
    places = {client.index for client in clients}
    assert len(places) == 1, "the end's id differs"


async def read_piecemeal(trio: Trio, request: dict[str, Any]) -> Client:
    """A reading that is cut after every single event."""
    client = await Client(request).begin(trio.edges[0])
    for turn in range(10_000):
        await client.read(1)
        client.leave(rudely=turn % 2 == 0)
        if client.ended:
            break
        await client.resume(trio.edges[(turn + 1) % 2])
    return client


async def test_a_stream_cut_behind_any_event_goes_on_at_the_other_edge(trio: Trio) -> None:
    await cut_at_each(trio, SCRIPTED, TOKENS)


async def test_a_real_models_stream_cut_behind_any_event_goes_on_at_the_other_edge(real_trio: Trio) -> None:
    await cut_at_each(real_trio, REAL, REAL_TOKENS + 1)


@pytest.mark.parametrize("engine", ["scripted", "llamacpp"])
async def test_a_stream_cut_after_every_event_is_whole(engine: str, request: pytest.FixtureRequest) -> None:
    trio: Trio = request.getfixturevalue("trio" if engine == "scripted" else "real_trio")
    asked_ = SCRIPTED if engine == "scripted" else PACED
    client = await read_piecemeal(trio, asked_)
    assert client.text() == await uncut(trio.edges[1], asked_)
    assert len(client.events) >= 3, "hardly ever cut"
    assert await status(trio.edges[0], client.last_id) == 204


@pytest.mark.parametrize("engine", ["scripted", "llamacpp"])
async def test_an_ended_generation_is_there_from_every_index(engine: str, request: pytest.FixtureRequest) -> None:
    """What a client asks for that was cut between the last delta and the end included."""
    trio: Trio = request.getfixturevalue("trio" if engine == "scripted" else "real_trio")
    whole = await (await Client(SCRIPTED if engine == "scripted" else REAL).begin(trio.edges[0])).read_to_end()
    text, end = whole.text(), whole.index
    lengths = []
    for index in range(end):
        response = await come_back(trio.edges[index % 2], f"{whole.generation_id}.{index}")
        events = await response.all_events()
        rest = check_native(events)
        assert text.endswith(rest)
        assert events[-1].json == whole.events[-1].json | {"delta": events[-1].json["delta"]}
        lengths.append(len(rest))
    assert lengths[0] == len(text)
    assert lengths[-1] == 0, "behind the last token only the end is missing"
    assert lengths == sorted(lengths, reverse=True)
    assert await status(trio.edges[0], f"{whole.generation_id}.{end}") == 204
    assert await status(trio.edges[1], f"{whole.generation_id}.{end + 1}") == 400


async def test_two_readers_of_one_generation_get_the_same_text(trio: Trio) -> None:
    one = await (await Client(SCRIPTED).begin(trio.edges[0])).read_past(20)
    other = Client(SCRIPTED)
    other.events = one.events[:5]
    await other.resume(trio.edges[1])
    await asyncio.gather(one.read_to_end(), other.read_to_end())
    assert one.text() == other.text() == await uncut(trio.edges[0], SCRIPTED)
    async with WorkerProbe(trio.worker) as probe:
        await probe.wait_for_running(0, limit_s=5)


async def test_a_stop_ends_it_for_both_readers(trio: Trio) -> None:
    one = await (await Client(ENDLESS).begin(trio.edges[0])).read_past(5)
    other = Client(ENDLESS)
    other.events = one.events[:2]
    await (await other.resume(trio.edges[1])).read(1)
    stopped = await Exchange.get(trio.edges[1], f"/api/v1/ai/generations/{one.generation_id}", "DELETE")
    assert stopped.status == 204
    async with asyncio.timeout(2):
        await asyncio.gather(one.read_to_end(), other.read_to_end())
    assert one.text() == other.text()
    assert [client.events[-1].json["code"] for client in (one, other)] == ["CANCELLED", "CANCELLED"]
    assert await status(trio.edges[0], one.last_id) == 204
    async with WorkerProbe(trio.worker) as probe:
        await probe.wait_for_running(0, limit_s=2)


async def test_who_comes_after_the_window_is_told_that_it_is_gone(trio: Trio) -> None:
    with processes.edge(trio.worker, EDGE_RESUME_WINDOW_S="0.2") as (edge, _):
        client = await (await Client(ENDLESS).begin(edge)).read(1)
        client.leave()
        async with WorkerProbe(trio.worker) as probe:
            await probe.wait_for_running(0, limit_s=5)
        response = await come_back(edge, client.last_id)
    assert (response.status, (await response.json())["code"]) == (410, "RESUME_EXPIRED")


@pytest.mark.parametrize("way", [come_back, come_back_by_query])
@pytest.mark.parametrize(
    ("last_event_id", "expected", "code"),
    [
        ("w1-0123456789abcdef01234567.5", 404, "NOT_FOUND"),
        ("garbage", 400, "INVALID_REQUEST"),
        ("../../etc/passwd.1", 400, "INVALID_REQUEST"),
        ("w1-0123456789abcdef01234567.-1", 400, "INVALID_REQUEST"),
        ("w1-0123456789abcdef01234567.99999999999999999999", 400, "INVALID_REQUEST"),
        ("w1-" + 4000 * "a" + ".1", 400, "INVALID_REQUEST"),
    ],
    ids=["unknown", "garbage", "a path", "negative", "huge", "long"],
)
async def test_an_id_that_leads_nowhere_is_refused(
    trio: Trio, way: Any, last_event_id: str, expected: int, code: str
) -> None:
    response = await way(trio.edges[0], last_event_id)
    assert (response.status, (await response.json())["code"]) == (expected, code)


async def test_an_index_that_a_running_generation_does_not_have_yet_is_refused(trio: Trio) -> None:
    client = await (await Client(ENDLESS).begin(trio.edges[0])).read(1)
    response = await come_back(trio.edges[1], f"{client.generation_id}.900000")
    assert (response.status, (await response.json())["code"]) == (400, "INVALID_REQUEST")
    client.leave()
    await Exchange.get(trio.edges[1], f"/api/v1/ai/generations/{client.generation_id}", "DELETE")


async def test_the_answer_of_the_ask_dialect_is_whole_after_a_resume(trio: Trio) -> None:
    start = await Exchange.get(trio.edges[0], "/ask/stream?question=Cut+me%3F&seed=3")
    client = await Client.of(start, "/ask/stream").read_past(30)
    client.leave(rudely=True)
    await (await client.resume(trio.edges[1])).read_to_end()
    text = check_ask(client.events)  # which compares `answer` with all pieces
    async with WorkerProbe(trio.worker) as probe:
        assert text == await probe.text(asked("Cut me?", seed=3))


async def test_a_socket_goes_on_with_what_another_socket_began(trio: Trio) -> None:
    """At another edge, by the id of the last frame that came."""
    async with Socket.open(trio.edges[0]) as here:
        begun = await here.generate("a", **SCRIPTED)
        while begun.index < 30:
            await here.read()
    async with Socket.open(trio.edges[1]) as there:
        rest = there.refs.setdefault("b", type(begun)())
        await there.say(type="resume", ref="b", lastEventId=begun.last["id"])
        await there.read_to_end(rest)
        again = there.refs.setdefault("c", type(begun)())
        await there.say(type="resume", ref="c", lastEventId=rest.last["id"])
        await there.read_to_end(again)
    assert rest.generation_id == begun.generation_id
    assert begun.text + rest.text == await uncut(trio.edges[0], SCRIPTED)
    assert again.last["code"] == "ENDED"


async def test_event_source_goes_on_by_itself_when_its_edge_was_killed_and_started_again(trio: Trio) -> None:
    port = processes.free_port()
    ask = {"prompt": "a fox & a 猫", "seed": 7, "model": "scripted", "endpoint": "native", "returns": True}
    with contextlib.ExitStack() as stack:
        edge, service = stack.enter_context(processes.edge(trio.worker, EDGE_PORT=str(port)))
        client = asyncio.create_task(seen_by_event_source(ask | {"edge": edge}))
        async with WorkerProbe(trio.worker) as probe:
            await probe.wait_for_running(1, limit_s=10)
            await asyncio.sleep(0.5)  # time for about 25 tokens; that there were some is checked below
            service.send(signal.SIGKILL)
            again = processes.edge(trio.worker, EDGE_PORT=str(port))
            await asyncio.to_thread(stack.enter_context, again)
            seen = await asyncio.wait_for(client, 20)
            assert seen["text"] == await probe.text(asked("a fox & a 猫", seed=7))
    assert seen["error"] is None
    assert 0 < seen["chars_at_break"] < len(seen["text"])


async def seen_by_event_source(ask: dict[str, object]) -> dict[str, Any]:
    async with node.running("event_source.mjs", ask) as printed:
        return printed
