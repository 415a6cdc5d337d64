import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.native_routes import PATH, add_native_routes, add_stop_route
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.ticker import Ticker
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_upstream import PlayedUpstream
from tests.support.virtual_time import in_virtual_time, settle

MAX_BODY_BYTES = 2048
JSON = {"content-type": "application/json"}


class Site:
    """The native routes on an app of their own, with an upstream that the test plays."""

    def __init__(self) -> None:
        self.upstream = PlayedUpstream()
        self.running = 0
        self.api = FastAPI()
        self.app = RequestIdMiddleware(self.api)
        streams = Streams(
            admit=self._admit,
            release=self._release,
            open_source=self.upstream.open,
            attach_source=self.upstream.attach,
            cancel=self.upstream.cancel,
            ping_interval_s=15.0,
            ticker=Ticker(),
        )
        add_problem_handlers(self.api)
        add_native_routes(self.api, streams, max_body_bytes=MAX_BODY_BYTES, resume_window_s=30.0)
        add_stop_route(self.api, streams)

    def post(self, body: object, **headers: str) -> Client:
        """Ask by POST: JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client(self.app, "POST", PATH, headers=JSON | headers, body=[data])

    def get(self, query: str, method: str = "GET", path: str = PATH) -> Client:
        """Ask by a query string."""
        return Client(self.app, method, path, query=query)

    def ask(self, method: str, query: str, **headers: str) -> Client:
        """Ask without a body."""
        return Client(self.app, method, PATH, query=query.removeprefix("?"), headers=headers)

    def _admit(self, request: GenerationRequest) -> GenerationRequest:
        self.running += 1
        return replace(request, timeout_s=120.0, batch_interval_s=0.05)

    def _release(self) -> None:
        self.running -= 1


def problem(client: Client) -> dict[str, Any]:
    """The refusal that the client got, when it is all that it should be."""
    body: dict[str, Any] = json.loads(client.body)
    assert client.headers["content-type"] == "application/problem+json"
    assert client.headers["x-request-id"] == body["requestId"]
    assert client.status == body["status"]
    return body


@in_virtual_time
async def test_a_post_streams_what_its_body_asks_for() -> None:
    site = Site()
    client = site.post({"prompt": "Hello", "max_tokens": 3, "resumable": True})
    await settle()
    request = site.upstream.last.request
    assert (request.prompt, request.max_tokens, request.resume_window_s) == ("Hello", 3, 30.0)
    site.upstream.last.say("Hi")
    site.upstream.last.end()
    await client.response()
    assert client.status == 200
    assert client.headers["x-generation-id"] == "w1-1"
    assert client.headers["x-request-id"]
    assert [json.loads(message.data)["delta"] for message in client.stream.messages] == ["Hi"]
    assert client.stream.messages[0].last_event_id == "w1-1.2"


@in_virtual_time
async def test_a_get_streams_what_its_query_asks_for() -> None:
    site = Site()
    client = site.get("prompt=caf%C3%A9+au%20lait&max_tokens=3&resumable=true")
    await settle()
    request = site.upstream.last.request
    assert (request.prompt, request.max_tokens, request.resume_window_s) == ("café au lait", 3, 30.0)
    site.upstream.last.end()
    await client.response()
    assert client.status == 200
    assert client.complete


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({}, 400, "prompt", id="no prompt"),
        pytest.param({"prompt": "x", "max_tokens": 0}, 400, "max_tokens", id="out of bounds"),
        pytest.param({"prompt": "x", "temperature": float("nan")}, 400, "temperature", id="NaN"),
        pytest.param({"prompt": "x", "nonsense": 1}, 400, "nonsense", id="unknown field"),
        pytest.param({"prompt": "\ud800"}, 400, "prompt", id="lone surrogate"),
        pytest.param(b'{"prompt":"x","prompt":"y"}', 400, "prompt", id="given twice"),
        pytest.param(b'{"prompt":"x","stop":' + b"[" * 50 + b"]" * 50 + b"}", 400, None, id="too deep"),
        pytest.param(b"prompt=x", 400, None, id="not JSON"),
        pytest.param([], 400, None, id="not an object"),
        pytest.param(b"", 400, None, id="empty"),
        pytest.param({"prompt": "x" * MAX_BODY_BYTES}, 413, None, id="too large"),
    ],
)
def test_a_bad_body_is_refused_and_starts_nothing(body: object, status: int, field: str | None) -> None:
    @in_virtual_time
    async def run() -> None:
        site = Site()
        client = await site.post(body).response()
        assert client.status == status
        assert problem(client).get("field") == field
        assert site.upstream.generations == []
        assert site.running == 0

    run()


@in_virtual_time
async def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    client = await Site().post({"prompt": "x"}, **{"content-length": "1000000"}).response()
    assert problem(client)["code"] == "TOO_LARGE"
    assert client.received == 0


@in_virtual_time
async def test_a_body_of_another_type_is_refused() -> None:
    client = await Site().post(b"prompt=x", **{"content-type": "application/x-www-form-urlencoded"}).response()
    assert client.status == 415
    assert problem(client)["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "prompt"),
        ("prompt=", "prompt"),
        ("prompt=x&prompt=y", "prompt"),
        ("prompt=x&max_tokens=&max_tokens=5", "max_tokens"),
        ("prompt=x&max_tokens=many", "max_tokens"),
        ("prompt=x&temperature=nan", "temperature"),
        ("prompt=a%00b", "prompt"),
        ("prompt=x&stream=false", "stream"),
        ("prompt=x&cache=1", "cache"),
        ("prompt=x&" + 300 * "n" + "=1", 100 * "n"),
    ],
    ids=lambda value: value[:30],
)
def test_a_bad_query_is_refused_and_starts_nothing(query: str, field: str) -> None:
    @in_virtual_time
    async def run() -> None:
        site = Site()
        client = await site.get(query).response()
        assert client.status == 400
        assert problem(client)["field"] == field
        assert site.upstream.generations == []

    run()


@pytest.mark.parametrize(
    ("code", "status", "retry_after"),
    [
        (Code.INVALID_REQUEST, 400, None),
        (Code.NOT_FOUND, 404, None),
        (Code.OVERLOADED, 429, "1"),
        (Code.GENERATION_ERROR, 502, None),
        (Code.WORKER_UNAVAILABLE, 503, "1"),
        (Code.TIMEOUT, 504, None),
    ],
)
def test_a_workers_refusal_is_a_status_and_no_stream(code: Code, status: int, retry_after: str | None) -> None:
    @in_virtual_time
    async def run() -> None:
        site = Site()
        site.upstream.refusal = Refused(Failure(code, "Not now.", "model"))
        client = await site.post({"prompt": "x"}).response()
        assert client.status == status
        assert client.headers.get("retry-after") == retry_after
        assert (problem(client)["detail"], problem(client)["field"]) == ("Not now.", "model")
        assert site.running == 0

    run()


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_other_methods_start_nothing_and_are_told_which_there_are(method: str) -> None:
    @in_virtual_time
    async def run() -> None:
        site = Site()
        client = await site.get("prompt=x", method).response()
        assert client.status == 405
        assert client.headers["allow"] == "GET, POST"
        assert site.upstream.generations == []
        assert site.running == 0

    run()


@in_virtual_time
async def test_delete_stops_a_generation() -> None:
    site = Site()
    stream = site.get("prompt=x")
    await settle()
    client = await site.get("", "DELETE", "/api/v1/ai/generations/w1-1").response()
    assert client.status == 204
    assert client.body == b""
    assert site.upstream.cancelled == ["w1-1"]
    stream.leave()
    await stream.response()


@in_virtual_time
async def test_delete_of_what_is_not_there_says_so() -> None:
    client = await Site().get("", "DELETE", "/api/v1/ai/generations/w1-9").response()
    assert problem(client)["code"] == "NOT_FOUND"


@in_virtual_time
async def test_the_description_names_every_field_and_refers_to_nothing_that_is_not_there() -> None:
    operations = Site().api.openapi()["paths"][PATH]
    body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"prompt", "messages", "max_tokens", "stop", "engine_options"} <= set(body["properties"])
    assert "role" in json.dumps(body["properties"]["messages"])
    assert "$ref" not in json.dumps(operations)
    parameters = {item["name"]: item["in"] for item in operations["get"]["parameters"]}
    assert parameters["prompt"] == "query"
    assert "messages" not in parameters
