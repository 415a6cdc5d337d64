"""Every real client lives through every scenario, and tells its user the truth about it."""

import asyncio

import pytest

from tests.end_to_end.clients.conftest import running
from tests.end_to_end.conftest import Pair
from tests.support.clients import CLIENTS, WHOLE, Ask, Client, Seen
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.tap import Tap, tapped
from tests.support.worker_probe import WorkerProbe

every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


async def text_by_our_reader(edge: str, ask: Ask) -> str:
    """What the strict reader of this suite gets for the same question."""
    at_once = {"tokens_per_second": 0, "first_token_delay_ms": 0}  # for tests to be short: the text is the same
    request = {"prompt": ask.prompt, "seed": ask.seed, "engine_options": at_once}
    return check_native(await (await Exchange.post(edge, request)).all_events())


async def asked(client: Client, edge: str, ask: Ask) -> tuple[Seen, Tap]:
    """What a client saw, and what passed between it and the edge."""
    async with tapped(edge) as tap, client.drive(tap.address, ask) as seen:
        return seen, tap


@every_client
async def test_a_success_has_all_text_and_its_end(client: Client, brisk: Pair) -> None:
    seen, tap = await asked(client, brisk.edge, Ask())
    assert seen.error is None
    assert seen.text == await text_by_our_reader(brisk.edge, Ask())
    assert (seen.finish_reason, seen.completion_tokens) == ("stop", 100)
    assert tap.requests == 1
    if client.native:
        assert seen.last_id.endswith(".101"), "an ending counts as an entry"


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_in_one_piece_is_the_same(name: str, brisk: Pair) -> None:
    seen, tap = await asked(CLIENTS[name], brisk.edge, Ask(whole=True))
    assert seen.error is None
    assert seen.text == await text_by_our_reader(brisk.edge, Ask())
    assert (seen.finish_reason, seen.completion_tokens) == ("stop", 100)
    assert b"text/event-stream; " not in tap.received


@every_client
async def test_a_model_that_is_none_is_an_error_and_is_not_asked_for_again(client: Client, brisk: Pair) -> None:
    seen, tap = await asked(client, brisk.edge, Ask(model="gpt-0"))
    assert seen == Seen(error=client.wrong_model)
    assert tap.requests == 1


@every_client
async def test_a_field_that_is_wrong_is_an_error_and_is_not_sent_again(client: Client, brisk: Pair) -> None:
    seen, tap = await asked(client, brisk.edge, Ask(temperature=9))
    assert seen == Seen(error=client.wrong_field)
    assert tap.requests == 1


@every_client
async def test_a_failure_within_the_stream_is_an_error_after_the_text(client: Client, failing: Pair) -> None:
    seen, tap = await asked(client, failing.edge, Ask())
    assert seen.error == client.broken
    assert seen.text
    assert seen.text == await text_by_our_reader(failing.edge, Ask())
    assert (seen.finish_reason, seen.completion_tokens) == (None, None)
    assert tap.requests == 1


async def test_pings_keep_every_client_alive_until_the_first_token(late: Pair) -> None:
    async def keeps_alive(name: str, client: Client) -> None:
        seen, tap = await asked(client, late.edge, Ask(silence_s=3))
        assert (name, seen.error, seen.text, seen.finish_reason) == (name, None, text, "stop")
        assert tap.requests == 1, name
        assert tap.received.count(b"ping") >= 15, name
        assert seen.pings >= 15 or not client.native, name

    text = await text_by_our_reader(late.edge, Ask())
    async with asyncio.TaskGroup() as all_at_once:  # so that it is waited for once
        for name, client in CLIENTS.items():
            all_at_once.create_task(keeps_alive(name, client))


async def test_the_ask_dialect_is_read_past_pings(late: Pair) -> None:
    async def reads(name: str) -> None:
        seen, tap = await asked(CLIENTS[name], late.edge, Ask(endpoint="ask", silence_s=3))
        assert (name, seen.error, seen.text) == (name, None, text)
        assert (name, seen.finish_reason, seen.completion_tokens) == (name, "stop", 100)
        assert b": ping" in tap.received.partition(b"data: ")[2]  # behind an id

    text = await text_by_our_reader(late.edge, Ask())
    async with asyncio.TaskGroup() as all_at_once:
        for name in ("eventsource", "httpx-sse"):
            all_at_once.create_task(reads(name))


async def test_an_edge_that_is_full_is_asked_again_in_a_while() -> None:
    async def asks_again(name: str) -> None:
        async with tapped(pair.edge) as tap:
            holder = await Exchange.post(pair.edge, {"prompt": "x", "engine_options": {"stall_at": 1}})
            await together.wait()  # all places are taken
            asking = asyncio.create_task(asked(CLIENTS[name], tap.address, Ask()))
            await tap.wait_for(b" 429 ")
            await together.wait()  # all have been refused
            holder.close()
            seen, _ = await asking
        assert (name, seen.error, seen.text) == (name, None, text)
        assert tap.requests == 2, name

    with running("tokens=100,tokens_per_second=400", EDGE_MAX_STREAMS=str(len(WHOLE))) as pair:
        text = await text_by_our_reader(pair.edge, Ask())
        together = asyncio.Barrier(len(WHOLE))
        async with asyncio.TaskGroup() as all_at_once:
            for name in WHOLE:
                all_at_once.create_task(asks_again(name))


@every_client
async def test_a_client_that_leaves_ends_its_generation(client: Client, endless: Pair) -> None:
    async with WorkerProbe(endless.worker) as probe, client.drive(endless.edge, Ask(leave=True)) as seen:
        assert seen.text
        assert seen.finish_reason is None
        await probe.wait_for_running(0, limit_s=3)
