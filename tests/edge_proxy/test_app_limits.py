"""What callers may use, on the edge as a whole and before a real worker with scripted text."""

import asyncio
import json
from typing import Any

from tests.edge_proxy.asgi import Client
from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.test_app import JSON, PATH, Site, problem, site
from tests.edge_proxy.upstream.readers import eventually

CHAT = "/v1/chat/completions"


def chat(here: Site, **fields: Any) -> Client:
    options = {"engine_options": {"tokens_per_second": 0, "tokens": 20}}
    model = next(model.name for model in here.edge._workers.models)
    body = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 20} | options | fields
    return Client(here.edge.app, "POST", CHAT, headers=JSON, body=[json.dumps(body).encode()])


def remaining(client: Client) -> dict[str, int]:
    """What the head says is left of each quota."""
    items = client.headers["ratelimit"].split(", ")
    return {item.split(";")[0].strip('"'): int(item.split(";r=")[1].split(";")[0]) for item in items}


async def test_where_there_are_no_limits_nothing_is_said_of_any() -> None:
    async with site() as here:
        client = await here.post().response()
        assert client.status == 200
        assert not [name for name in client.headers if "ratelimit" in name]


async def test_requests_are_refused_above_the_limit_with_when_to_come_back() -> None:
    async with site(key_requests_per_minute=2) as here:
        clients = [await here.post().response() for _ in range(3)]
        assert [client.status for client in clients] == [200, 200, 429]
        assert clients[0].headers["ratelimit-policy"] == '"requests";q=2;w=60'
        assert [remaining(client) for client in clients] == [{"requests": 1}, {"requests": 0}, {"requests": 0}]
        assert problem(clients[2])["code"] == "RATE_LIMITED"
        assert problem(clients[2])["detail"] == "At most 2 requests a minute can be made."
        assert 58 <= int(clients[2].headers["retry-after"]) <= 61
        by_sdk = await chat(here).response()
        assert (by_sdk.status, json.loads(by_sdk.body)["error"]["code"]) == (429, "rate_limit_exceeded")
        assert by_sdk.headers["x-ratelimit-remaining-requests"] == "0"


async def test_an_answer_in_one_piece_says_what_is_left_too() -> None:
    async with site(key_requests_per_minute=5, key_tokens_per_minute=1000) as here:
        for stream in (False, True):
            client = await chat(here, stream=stream).response()
            assert client.status == 200
            assert client.headers["x-ratelimit-limit-tokens"] == "1000"
            assert client.headers["x-ratelimit-limit-requests"] == "5"
        assert client.headers["x-ratelimit-remaining-requests"] == "3"


async def test_tokens_are_charged_as_the_worker_counts_them() -> None:
    async with site(key_tokens_per_minute=1000) as here:
        client = await here.post(max_tokens=7).response()
        usage = json.loads(client.stream.messages[-1].data)["usage"]
        used = usage["promptTokens"] + usage["completionTokens"]
        after = await here.post(max_tokens=1).response()
        assert remaining(after) == {"tokens": 1000 - used - 2}  # this one's prompt, as estimated, and its answer


async def test_who_leaves_is_charged_for_the_tokens_so_far() -> None:
    async with site(key_tokens_per_minute=1000, key_streams=1) as here:
        client = here.post(max_tokens=100, engine_options={"stall_at": 3})
        await eventually(lambda: b'"delta"' in client.body)
        assert (await here.post().response()).status == 429  # it has its place
        client.leave()
        await client.response()
        after = await here.post(max_tokens=1).response()
        assert after.status == 200
        assert 1000 - 2 - 1 - 3 <= remaining(after)["tokens"] < 1000 - 2 - 1


async def test_a_day_that_is_used_up_is_not_worth_a_retry() -> None:
    async with site(key_tokens_per_day=20) as here:
        assert (await here.post(max_tokens=15).response()).status == 200
        refused = await here.post(max_tokens=15).response()
        assert (refused.status, problem(refused)["code"]) == (429, "QUOTA_EXCEEDED")
        assert 86_000 <= int(refused.headers["retry-after"]) <= 87_400
        by_sdk = await chat(here).response()
        assert by_sdk.headers["x-should-retry"] == "false"
        assert json.loads(by_sdk.body)["error"]["code"] == "insufficient_quota"


async def test_what_is_refused_costs_nothing() -> None:
    async with site(key_requests_per_minute=1, key_streams=1, key_tokens_per_day=1000) as here:
        for _ in range(3):
            assert (await here.post(model="no such").response()).status == 404
            assert (await here.post(max_tokens=0).response()).status == 400
        served = await here.post(max_tokens=5).response()
        assert (served.status, remaining(served)["requests"]) == (200, 0)


async def test_several_answers_are_one_request_and_a_stream_each() -> None:
    async with site(key_requests_per_minute=5, key_streams=3) as here:
        served = await chat(here, n=3).response()
        assert (served.status, remaining(served)) == (200, {"requests": 4, "streams": 0})
        assert (await chat(here, n=4).response()).status == 429
        again = await chat(here, n=3).response()
        assert (again.status, remaining(again)) == (200, {"requests": 3, "streams": 0})


async def test_coming_back_is_a_request_and_costs_no_tokens_again() -> None:
    async with site(key_requests_per_minute=5, key_tokens_per_minute=1000) as here:
        first = await here.post(max_tokens=20, resumable=True).response()
        final = json.loads(first.stream.messages[-1].data)["usage"]
        used = final["promptTokens"] + final["completionTokens"]
        begin = f"{first.headers['x-generation-id']}.0"
        again = await here.ask("GET", PATH, **{"Last-Event-ID": begin}).response()
        assert again.status == 200
        assert json.loads(again.stream.messages[-1].data)["isFinal"]
        assert remaining(again) == {"requests": 3, "tokens": 1000 - used}
        after = await here.post(max_tokens=1).response()
        assert remaining(after) == {"requests": 2, "tokens": 1000 - used - 2}


async def test_on_a_socket_a_refusal_is_an_error_that_says_how_long_to_wait() -> None:
    async with site(key_requests_per_minute=1) as here:
        client = SocketClient(here.edge.app, f"{PATH}/ws", headers=[("Host", "x")])
        options = {"tokens_per_second": 0, "tokens": 3}
        await client.say(type="generate", ref="a", prompt="x", engine_options=options)
        await eventually(lambda: any(frame.get("isFinal") for frame in client.frames))
        await client.say(type="generate", ref="b", prompt="x", engine_options=options)
        await eventually(lambda: client.codes)
        (refused,) = [frame for frame in client.frames if frame.get("code") == "RATE_LIMITED"]
        assert refused["ref"] == "b"
        assert "id" not in refused
        assert refused["details"]["retryable"]
        assert 58 <= refused["details"]["retryAfterS"] <= 61
        await client.leave()
        await asyncio.wait_for(client.task, 5)
