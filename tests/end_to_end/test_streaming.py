"""A token's whole way: engine, log, exchange, pacer, dialect, socket."""

import json
from typing import Any

import pytest

from tests.end_to_end.conftest import Pair
from tests.support.http import PATH, Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

FAST: dict[str, Any] = {"tokens_per_second": 0, "tokens": 400}


async def test_all_text_arrives_byte_for_byte(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        expected = await probe.text(asked("a river", **FAST))
    response = await Exchange.post(pair.edge, {"prompt": "a river", "engine_options": FAST})
    text = check_native(await response.all_events())
    assert text.encode() == expected.encode()
    assert response.complete
    assert not text.isascii()  # or this would say little


async def test_the_response_says_what_proxies_and_clients_need(pair: Pair) -> None:
    response = await Exchange.post(pair.edge, {"prompt": "x", "engine_options": {"tokens": 1}})
    events = await response.all_events()
    assert check_native(events)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-request-id"]
    assert "connection" not in response.headers
    assert {event.id.rpartition(".")[0] for event in events} == {response.headers["x-generation-id"]}


async def test_the_last_event_has_reason_and_usage(pair: Pair) -> None:
    request = {"prompt": "one two three", "max_tokens": 7, "engine_options": FAST}
    events = await (await Exchange.post(pair.edge, request)).all_events()
    assert check_native(events)
    last = events[-1]
    assert last.json["isFinal"] is True
    assert last.json["finishReason"] == "length"
    assert last.json["usage"] == {"promptTokens": 3, "completionTokens": 7}
    assert last.id.endswith(".8")


async def test_without_batching_each_token_is_an_event(pair: Pair) -> None:
    # 50 tokens a second are 20 ms apart: two share an event only where the machine was busy for so long.
    request = {"prompt": "x", "batch_interval_ms": 0, "engine_options": {"tokens_per_second": 50, "tokens": 25}}
    events = await (await Exchange.post(pair.edge, request)).all_events()
    async with WorkerProbe(pair.worker) as probe:
        assert check_native(events) == await probe.text(asked("x", tokens_per_second=0, tokens=25))
    assert len(events) > 15


async def test_a_failure_within_the_stream_comes_after_all_text(pair: Pair) -> None:
    options = {"tokens_per_second": 0, "tokens": 100, "fail_at": 40}
    events = await (await Exchange.post(pair.edge, {"prompt": "x", "engine_options": options})).all_events()
    async with WorkerProbe(pair.worker) as probe:
        assert check_native(events) == await probe.text(asked("x", tokens_per_second=0, tokens=40))
    error = events[-1].json
    assert error["code"] == "GENERATION_ERROR"
    assert error["details"] == {"retryable": True, "partialTokens": 40}
    assert "script" not in events[-1].data  # what the worker said is for the log


async def test_a_generation_that_takes_too_long_fails_with_what_it_has(pair: Pair) -> None:
    options = {"tokens_per_second": 200, "tokens": 100, "stall_at": 20}
    request = {"prompt": "x", "timeout_s": 0.5, "engine_options": options}
    events = await (await Exchange.post(pair.edge, request)).all_events()
    assert events[-1].json["code"] == "TIMEOUT"
    assert events[-1].json["details"]["partialTokens"] == 20
    async with WorkerProbe(pair.worker) as probe:
        assert check_native(events) == await probe.text(asked("x", tokens_per_second=0, tokens=20))
        await probe.wait_for_running(0, limit_s=3)


async def test_get_streams_for_event_source(pair: Pair) -> None:
    response = await Exchange.get(pair.edge, "/api/v1/ai/generate?prompt=hello&stream=true&max_tokens=3&stop=zzz")
    async with WorkerProbe(pair.worker) as probe:
        assert check_native(await response.all_events()) == await probe.text(asked("hello", max_tokens=3))
    assert response.status == 200


async def test_a_stop_string_ends_the_text_before_it(pair: Pair) -> None:
    whole = check_native(await (await Exchange.post(pair.edge, {"prompt": "x", "engine_options": FAST})).all_events())
    stop = whole[300:309]  # across the border of two tokens, wherever it is
    request = {"prompt": "x", "stop": stop, "engine_options": FAST}
    events = await (await Exchange.post(pair.edge, request)).all_events()
    assert check_native(events) == whole[: whole.index(stop)]
    assert events[-1].json["finishReason"] == "stop"


async def test_delete_stops_a_generation_for_its_reader(pair: Pair) -> None:
    request = {"prompt": "x", "engine_options": {"tokens": 100, "stall_at": 0}}
    stream = await Exchange.post(pair.edge, request)
    path = f"/api/v1/ai/generations/{stream.headers['x-generation-id']}"
    deleted = await Exchange.get(pair.edge, path, method="DELETE")
    assert deleted.status == 204
    events = await stream.all_events()
    assert check_native(events) == ""
    assert events[-1].json["code"] == "CANCELLED"
    again = await Exchange.get(pair.edge, path, method="DELETE")
    assert (await again.json())["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "x", "model": "gpt-9"}, "model"),
        ({"prompt": "x", "engine_options": {"speed": "1"}}, "engine_options.speed"),
        ({"prompt": "x", "engine_options": {"tokens": "many"}}, "engine_options.tokens"),
        ({"prompt": "", "messages": []}, "prompt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_refused_starts_nothing(pair: Pair, body: dict[str, object], field: str) -> None:
    response = await Exchange.post(pair.edge, body)
    problem = await response.json()
    assert response.status in (400, 404)
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["field"] == field
    async with WorkerProbe(pair.worker) as probe:
        assert await probe.running() == 0


async def test_the_api_describes_itself(pair: Pair) -> None:
    document = json.loads(await (await Exchange.get(pair.edge, "/openapi.json")).body())
    operations = document["paths"]["/api/v1/ai/generate"]
    assert set(operations) == {"get", "post"}
    body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"prompt", "messages", "max_tokens", "seed", "stop"} <= set(body["properties"])


async def test_a_client_that_offers_http_2_is_answered_by_http_1(pair: Pair) -> None:
    """As Java's HttpClient does with its first request; the body comes with the head, or behind it."""
    offer = "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAEAAEAAAAIAAAAB"
    body = b'{"prompt": "x", "engine_options": {"tokens": 5, "tokens_per_second": 0}}'
    exchange = await Exchange.send(pair.edge, f"POST {PATH} HTTP/1.1\nContent-Type: application/json\n{offer}", body)
    await exchange.read_head()
    assert exchange.status == 200
    assert len(check_native(await exchange.all_events()).split()) == 5
