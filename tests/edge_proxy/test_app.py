"""The edge as a whole, behind an ASGI client of our own and before a real worker with scripted text."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge_proxy.access.keys import make
from edge_proxy.app import EXPOSED_HEADERS, Edge
from edge_proxy.core.caller import Limits
from edge_proxy.settings import Settings
from inference_worker.server import Worker, make_engine
from inference_worker.settings import Settings as WorkerSettings
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.upstream.readers import eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, serving

PATH = "/api/v1/ai/generate"
JSON = {"content-type": "application/json"}
ORIGIN = "https://app.example"


class Site:
    """An edge and its worker."""

    def __init__(self, edge: Edge, worker: Worker) -> None:
        self.edge = edge
        self.worker = worker

    def post(self, **fields: Any) -> Client:
        """Ask for a generation, quickly made unless the options say otherwise."""
        fields["engine_options"] = {"tokens_per_second": 0, "tokens": 20} | fields.get("engine_options", {})
        body = json.dumps({"prompt": "x"} | fields).encode()
        return Client(self.edge.app, "POST", PATH, headers=JSON, body=[body])

    def ask(self, method: str, path: str, **headers: str) -> Client:
        """Ask without a body."""
        return Client(self.edge.app, method, path, headers=headers)

    def ask_with(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "", *, query: str = ""
    ) -> Client:
        """Ask with a key."""
        headers = JSON | ({"authorization": f"Bearer {key}"} if key else {})
        data = [json.dumps(body).encode()] if body is not None else []
        return Client(self.edge.app, method, path, query=query, headers=headers, body=data)

    async def start(self) -> Client:
        """A stream that is open, and does not end by itself."""
        client = self.post(engine_options={"stall_at": 3})
        await eventually(lambda: client.stream.messages)
        return client


@contextlib.asynccontextmanager
async def site(worker_options: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Site]:
    """Edge and worker, ready; the scripted engine has these options unless a request gives others."""
    worker_settings = WorkerSettings(engine="scripted", port=0, engine_options=worker_options or {})
    worker = Worker(worker_settings, make_engine(worker_settings))
    address = await worker.start()
    try:
        edge = Edge(Settings(**({"workers": [address]} | settings)))
        async with edge.api.router.lifespan_context(edge.api):
            here = Site(edge, worker)
            await until_ready(here)
            yield here
    finally:
        await worker.stop()


async def until_ready(here: Site) -> None:
    for _ in range(1000):
        if (await here.ask("GET", "/readyz").response()).status == 200:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not become ready")


def problem(client: Client) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(client.body)
    return body


async def test_a_token_goes_all_the_way() -> None:
    async with site() as here:
        client = await here.post(max_tokens=7).response()
        last = json.loads(client.stream.messages[-1].data)
        assert last["isFinal"] is True
        assert last["usage"] == {"promptTokens": 1, "completionTokens": 7}
        assert client.headers["x-generation-id"].startswith(f"{here.worker.registry.worker_id}-")


async def test_it_is_not_ready_without_its_worker_but_alive() -> None:
    edge = Edge(Settings(workers=["127.0.0.1:9"]))
    async with edge.api.router.lifespan_context(edge.api):
        assert (await Client(edge.app, "GET", "/readyz").response()).status == 503
        assert (await Client(edge.app, "GET", "/healthz").response()).status == 200
        client = await Client(edge.app, "GET", PATH, query="prompt=x").response()
        assert problem(client)["code"] == "WORKER_UNAVAILABLE"
        assert client.headers["retry-after"] == "1"


async def test_when_it_stops_it_leaves_its_workers() -> None:
    worker = ScriptedWorker()
    async with serving(worker) as address:
        edge = Edge(Settings(workers=[address]))
        async with edge.api.router.lifespan_context(edge.api):
            await eventually(lambda: worker.calls == 1)
        await eventually(lambda: worker.ended == 1)


async def test_streams_are_limited_and_places_given_back() -> None:
    async with site(max_streams=1) as here:
        first = await here.start()
        refused = await here.post().response()
        assert refused.status == 429
        assert problem(refused)["code"] == "OVERLOADED"
        first.leave()
        await first.response()
        assert (await here.post().response()).status == 200


async def test_a_process_that_is_behind_takes_nothing_new_until_it_is_not() -> None:
    async with site(max_lag_ms=50) as here:
        running = await here.start()
        for _ in range(5):
            here.edge._look(busy=1.0, lag_s=0.06)
        refused = await here.post().response()
        assert (refused.status, problem(refused)["code"]) == (503, "SERVER_BUSY")
        assert refused.headers["retry-after"] == "1"
        assert (await here.ask("GET", "/readyz").response()).status == 200
        for _ in range(5):
            here.edge._look(busy=0.1, lag_s=0.0)
        assert (await here.post().response()).status == 200
        running.leave()
        await running.response()


async def test_a_client_that_leaves_frees_the_worker() -> None:
    async with site() as here:
        client = await here.start()
        assert here.worker.registry.running == 1
        client.leave()
        await client.response()
        await eventually(lambda: here.worker.registry.running == 0)


async def test_before_it_drains_it_serves_on_but_says_that_it_is_not_ready() -> None:
    async with site() as here:
        here.edge.settle()
        ready = await here.ask("GET", "/readyz").response()
        assert (ready.status, problem(ready)["status"]) == (503, "draining")
        assert (await here.post().response()).stream.messages
        assert here.edge.streams == 0


async def test_draining_refuses_new_streams_and_lets_the_others_go_on() -> None:
    async with site() as here:
        client = here.post(engine_options={"tokens": 20, "tokens_per_second": 100})
        await eventually(lambda: client.stream.messages)
        here.edge.drain()
        refused = await here.post().response()
        assert (refused.status, problem(refused)["code"]) == (503, "SERVER_DRAINING")
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
        assert here.edge.streams == 1
        await client.response()
        assert json.loads(client.stream.messages[-1].data)["isFinal"] is True
        assert here.edge.streams == 0


async def test_its_end_is_told_to_every_stream() -> None:
    async with site() as here:
        client = await here.start()
        here.edge.end()
        await client.response()
        assert json.loads(client.stream.messages[-1].data)["code"] == "SERVER_DRAINING"
        assert client.complete
        refused = await here.post().response()
        assert (refused.status, problem(refused)["code"]) == (503, "SERVER_DRAINING")
        ready = await here.ask("GET", "/readyz").response()
        assert (ready.status, problem(ready)["status"]) == (503, "draining")


async def test_what_the_settings_give_and_allow_is_what_requests_get() -> None:
    async with site(generation_timeout_s=0.2, max_generation_timeout_s=1, max_body_bytes=1024) as here:
        late = await here.post(engine_options={"stall_at": 3}).response()
        assert json.loads(late.stream.messages[-1].data)["code"] == "TIMEOUT"
        assert problem(await here.post(timeout_s=2).response())["field"] == "timeout_s"
        assert (await here.post(prompt="x" * 2000).response()).status == 413


async def test_text_is_paced_as_the_settings_say() -> None:
    async with site(batch_interval_ms=30) as here:
        client = await here.post(engine_options={"tokens": 40, "tokens_per_second": 100}).response()
        assert 4 <= len(client.stream.messages) <= 17


async def test_the_workers_refusal_names_the_field_before_the_stream() -> None:
    async with site() as here:
        client = await here.post(engine_options={"speed": 9}).response()
        assert client.status == 400
        assert problem(client)["field"] == "engine_options.speed"


async def test_delete_ends_a_stream_and_says_so() -> None:
    async with site() as here:
        client = await here.start()
        path = f"/api/v1/ai/generations/{client.headers['x-generation-id']}"
        assert (await here.ask("DELETE", path).response()).status == 204
        await client.response()
        assert json.loads(client.stream.messages[-1].data)["code"] == "CANCELLED"
        assert (await here.ask("DELETE", path).response()).status == 404


async def test_a_resumable_generation_outlives_its_client() -> None:
    async with site(resume_window_s=60) as here:
        client = here.post(resumable=True, engine_options={"stall_at": 3})
        await eventually(lambda: client.stream.messages)
        client.leave()
        await client.response()
        other = await here.start()  # the worker carries out commands in order
        assert here.worker.registry.running == 2
        other.leave()
        await other.response()


async def test_every_response_has_a_request_id() -> None:
    async with site() as here:
        for method, path in [("GET", "/healthz"), ("GET", "/nowhere"), ("HEAD", PATH), ("GET", PATH), ("POST", PATH)]:
            client = await here.ask(method, path, **{"X-Request-ID": "my-1"}).response()
            assert client.headers["x-request-id"] == "my-1"


async def test_even_what_nobody_has_foreseen_has_one() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with site() as here:
        here.edge.api.get("/broken")(fail)
        client = here.ask("GET", "/broken", **{"X-Request-ID": "my-1"})
        with pytest.raises(ZeroDivisionError):
            await client.response()
        assert (client.status, client.headers["x-request-id"]) == (500, "my-1")
        assert problem(client)["requestId"] == "my-1"


async def test_a_socket_has_the_same_streams_on_the_same_terms() -> None:
    async with site(max_streams=1, max_socket_streams=5, cors_origins=[ORIGIN]) as here:
        client = SocketClient(here.edge.app, f"{PATH}/ws", headers=[("Origin", ORIGIN), ("X-Request-ID", "my-1")])
        await eventually(lambda: client.accepted)
        assert (b"x-request-id", b"my-1") in client.sent[0]["headers"]
        await client.say(type="generate", ref="a", prompt="x", engine_options={"stall_at": 3})
        await client.say(type="generate", ref="b", prompt="x")
        await eventually(lambda: len(client.frames) >= 3)
        assert client.codes == ["OVERLOADED"]
        assert (await here.post().response()).status == 429
        here.edge.end()
        await asyncio.wait_for(client.task, 5)
        assert (client.codes[-1], client.close_code) == ("SERVER_DRAINING", 1001)


async def test_a_page_of_another_origin_gets_no_socket() -> None:
    async with site() as here:
        client = SocketClient(here.edge.app, f"{PATH}/ws", headers=[("Host", "x"), ("Origin", ORIGIN)])
        await client.task
        assert client.sent[0]["status"] == 403


async def test_a_page_of_an_allowed_origin_may_ask_and_read_the_headers() -> None:
    async with site(cors_origins=[ORIGIN]) as here:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "content-type,last-event-id,x-request-id,authorization"
        preflight = await here.ask("OPTIONS", PATH, **asked).response()
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert preflight.headers["x-request-id"]
        refused = await here.ask("GET", PATH, Origin=ORIGIN).response()
        assert refused.status == 400
        assert refused.headers["access-control-allow-origin"] == ORIGIN
        assert refused.headers["access-control-expose-headers"] == ", ".join(EXPOSED_HEADERS)
        sdk = await here.ask("POST", "/v1/chat/completions", Origin=ORIGIN).response()
        assert "x-should-retry" in sdk.headers["access-control-expose-headers"].split(", ")
        assert sdk.headers["x-should-retry"] == "false"  # in a page, the SDK reads it only because of that


@pytest.mark.parametrize("allowed", [[], ["https://other.example"]], ids=["none", "another"])
async def test_a_page_of_another_origin_may_not(allowed: list[str]) -> None:
    async with site(cors_origins=allowed) as here:
        client = await here.ask("GET", PATH, Origin=ORIGIN).response()
        assert "access-control-allow-origin" not in client.headers


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        f"{ORIGIN}.evil.example",
        f"{ORIGIN}:444",
        "https://evil.example/https://app.example",
        "https://app.example@evil.example",
        "https://evilapp.example",
        "http://app.example",
        "https://APP.example",
        "*",
        f"{ORIGIN}, https://evil.example",
    ],
)
async def test_an_origin_that_only_looks_like_an_allowed_one_may_not(origin: str, credentials: bool) -> None:
    async with site(cors_origins=[ORIGIN], cors_credentials=credentials) as here:
        client = await here.ask("GET", "/v1/models", Origin=origin).response()
        assert "access-control-allow-origin" not in client.headers
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await here.ask("OPTIONS", PATH, **asked).response()
        assert preflight.status == 400
        assert "access-control-allow-origin" not in preflight.headers


async def test_where_pages_may_bring_cookies_the_answer_names_the_page_and_says_so() -> None:
    async with site(cors_origins=[ORIGIN], cors_credentials=True) as here:
        client = await here.ask("GET", "/v1/models", Origin=ORIGIN, Cookie="a=b").response()
        assert client.headers["access-control-allow-origin"] == ORIGIN
        assert client.headers["access-control-allow-credentials"] == "true"
        assert client.headers["vary"] == "Origin"
    async with site(cors_origins=["*"]) as here:
        client = await here.ask("GET", "/v1/models", Origin=ORIGIN, Cookie="a=b").response()
        assert "access-control-allow-credentials" not in client.headers


async def test_a_preflight_needs_no_key_and_a_page_may_read_that_it_does() -> None:
    _, line = make("laptop", owner="", expires=None, limits=Limits())
    async with site(cors_origins=[ORIGIN], api_keys=line) as here:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "DELETE"}
        asked["Access-Control-Request-Headers"] = "authorization"
        assert (await here.ask("OPTIONS", "/api/v1/ai/generations/w1-7", **asked).response()).status == 200
        refused = await here.ask("GET", PATH, Origin=ORIGIN).response()
        assert refused.status == 401
        assert refused.headers["access-control-allow-origin"] == ORIGIN
        assert refused.headers["x-request-id"]


async def test_whose_key_is_revoked_in_the_middle_is_told_so_and_the_work_stops(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    (kept, kept_line), (revoked, line) = [make(name, owner="", expires=None, limits=Limits()) for name in ("a", "b")]
    file.write_text(f"{kept_line}\n{line}")
    async with site(api_keys_file=file) as here:
        stalled = {"prompt": "x", "engine_options": {"stall_at": 3, "tokens_per_second": 0}}
        clients = [here.ask_with("POST", PATH, stalled, key) for key in (kept, revoked)]
        await eventually(lambda: all(client.stream.messages for client in clients))
        file.unlink()
        file.write_text(kept_line)
        await clients[1].response()
        assert json.loads(clients[1].stream.messages[-1].data)["code"] == "UNAUTHENTICATED"
        await eventually(lambda: here.worker.registry.running == 1)
        assert not clients[0].task.done()
        clients[0].leave()
        await clients[0].response()


async def test_a_cookie_brings_a_key_from_our_own_pages() -> None:
    key, line = make("laptop", owner="", expires=None, limits=Limits())
    async with site(api_keys=line, auth_cookie="relay") as here:
        cookie = {"Cookie": f"relay={key}"}
        assert (
            await here.ask("GET", "/v1/models", **cookie, **{"Sec-Fetch-Site": "same-origin"}).response()
        ).status == 200
        assert (await here.ask("GET", "/v1/models", **cookie, Origin="https://evil.example").response()).status == 403
