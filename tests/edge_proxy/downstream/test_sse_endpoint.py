import json
from itertools import pairwise
from typing import Any

import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.dialects import native
from edge_proxy.downstream.stream import PAUSE_CHARS
from edge_proxy.downstream.ticker import SLOT_S
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_exchange import Exchange, nothing_is_left_running, start_open
from tests.edge_proxy.downstream.played_upstream import LOST
from tests.support.virtual_time import in_virtual_time, now, settle, until

ROUNDING_S = 2e-6


def payloads(client: Client) -> list[dict[str, Any]]:
    return [json.loads(message.data) for message in client.stream.messages]


@in_virtual_time
async def test_headers_and_first_bytes_go_out_before_the_first_token() -> None:
    _, client, generation = await start_open()
    assert client.status == 200
    assert client.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "x-generation-id": generation.id,
    }
    assert client.body == native.encoder("").begin()
    client.leave()
    await client.response()


@in_virtual_time
async def test_first_delta_leaves_at_once_and_the_next_ones_paced() -> None:
    _, client, generation = await start_open()
    await until(3)
    for number in range(40):
        generation.say("x")
        await until(3.01 + number / 100)
    generation.end()
    await client.response()
    begin, *deltas, _ = [at for at, data in client.parts]
    assert begin == pytest.approx(0, abs=ROUNDING_S)
    assert deltas[0] == pytest.approx(3, abs=ROUNDING_S)
    assert all(
        0.05 - ROUNDING_S <= later - earlier <= 0.05 + SLOT_S + ROUNDING_S for earlier, later in pairwise(deltas)
    )
    assert "".join(payload["delta"] for payload in payloads(client)) == "x" * 40


@in_virtual_time
async def test_a_success_ends_with_is_final_and_the_body_in_one_message() -> None:
    exchange, client, generation = await start_open()
    generation.say("a", "b")
    generation.end()
    await client.response()
    assert [payload["isFinal"] for payload in payloads(client)] == [True]
    assert client.sent[-1]["more_body"] is False
    assert b'"isFinal":true' in client.sent[-1]["body"]
    assert exchange.done == 1


@in_virtual_time
async def test_a_failure_ends_with_the_held_text_and_error_in_one_message_with_the_body() -> None:
    _, client, generation = await start_open()
    generation.say("a")
    await settle()
    generation.say("b")
    generation.end(LOST)
    await client.response()
    assert [message.type for message in client.stream.messages] == ["message", "message", "error"]
    assert [payload.get("delta") for payload in payloads(client)] == ["a", "b", None]
    assert payloads(client)[-1]["code"] == "WORKER_LOST"
    assert client.sent[-1]["body"].count(b"event: ") == 2
    assert client.complete


@in_virtual_time
async def test_pings_come_every_15_s_also_before_the_first_token() -> None:
    _, client, generation = await start_open()
    await until(46)
    generation.end()
    await client.response()
    pings = [at for at, data in client.parts if data.startswith(b"event: ping")]
    assert pings == pytest.approx([15, 30, 45], abs=SLOT_S + ROUNDING_S)


@in_virtual_time
async def test_the_deadline_ends_the_stream_and_leaves_the_source() -> None:
    exchange, client, generation = await start_open()
    generation.say("a")
    await client.response()
    assert 120 - ROUNDING_S <= now() <= 120 + SLOT_S + ROUNDING_S
    assert payloads(client)[-1]["code"] == "TIMEOUT"
    assert generation.left
    assert exchange.done == 1


@in_virtual_time
async def test_a_refusal_comes_before_anything_is_sent() -> None:
    exchange = Exchange()
    exchange.upstream.refusal = Refused(Failure(Code.OVERLOADED))
    client = exchange.start()
    with pytest.raises(Refused):
        await client.response()
    assert client.sent == []
    assert exchange.done == 1
    assert await nothing_is_left_running()


@in_virtual_time
async def test_what_goes_wrong_while_the_worker_is_asked_is_not_hidden() -> None:
    exchange = Exchange()
    exchange.upstream.refusal = ZeroDivisionError()
    client = exchange.start()
    with pytest.raises(ZeroDivisionError):
        await client.response()
    assert client.sent == []
    assert exchange.done == 1


@in_virtual_time
async def test_a_slow_client_pauses_the_source_and_gets_all_text_as_one_delta() -> None:
    _, client, generation = await start_open()
    client.stop_reading()
    generation.say("first")
    await settle()
    for number in range(3):
        await until(number + 1)
        generation.say("x" * PAUSE_CHARS)
    assert generation.told == ["pause"]
    client.read()
    await settle()
    assert generation.told == ["pause", "resume"]
    assert [len(payload["delta"]) for payload in payloads(client)] == [5, 3 * PAUSE_CHARS]
    client.leave()
    await client.response()


@in_virtual_time
async def test_a_stream_that_is_ended_while_the_worker_is_asked_is_refused_at_once() -> None:
    exchange = Exchange()
    exchange.upstream.answers.clear()
    client = exchange.start()
    await settle()
    exchange.stream.fail(Code.SERVER_DRAINING)
    await settle()
    try:
        assert client.task.done()
        assert isinstance(client.task.exception(), Refused)
    finally:
        client.task.cancel()


@in_virtual_time
async def test_the_deadline_counts_while_the_worker_is_asked() -> None:
    exchange = Exchange()
    exchange.upstream.answers.clear()
    client = exchange.start()
    await until(121)
    try:
        assert client.task.done()
        assert isinstance(client.task.exception(), Refused)
    finally:
        client.task.cancel()


@in_virtual_time
async def test_the_deadline_frees_the_source_of_a_client_that_does_not_read() -> None:
    _, client, generation = await start_open()
    client.stop_reading()
    generation.say("a")
    await until(121)
    try:
        assert generation.left
    finally:
        client.task.cancel()
