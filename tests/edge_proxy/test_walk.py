"""Every route, the shortcut's among them, walked by all who may not: only 401, 403 and 404, and nothing given away."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route, WebSocketRoute

from edge_proxy.access.keys import make
from edge_proxy.access.tickets import LIFE_S, LocalStore
from edge_proxy.core.caller import Limits
from edge_proxy.downstream.page_routes import OPEN_PATHS as PAGE_PATHS
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.test_app import JSON, PATH, Site, site
from tests.edge_proxy.upstream.readers import eventually

OPEN = {"/healthz", "/readyz"} | PAGE_PATHS  # what is for everybody: no more than files, and two words
STALLED = {"prompt": "x", "resumable": True, "engine_options": {"stall_at": 3, "tokens_per_second": 0}}


def made(owner: str, *, expires: datetime | None = None) -> tuple[str, str]:
    return make(owner, owner=owner, expires=expires, limits=Limits())


ALICE, BOB, REVOKED = made("alice"), made("bob"), made("alice")
EXPIRED = made("alice", expires=datetime(2026, 1, 1, tzinfo=UTC))
LINES = "\n".join(line for _, line in (ALICE, BOB, EXPIRED))


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


WRONG: dict[str, dict[str, str]] = {
    "no key": {},
    "empty": bearer(""),
    "malformed": bearer("nonsense"),
    "another scheme": {"authorization": f"Basic {ALICE[0]}"},
    "unknown": bearer(made("alice")[0]),
    "revoked": bearer(REVOKED[0]),
    "expired": bearer(EXPIRED[0]),
    "another secret": bearer(ALICE[0][:16] + BOB[0][16:]),
}


def routes(here: Site) -> list[tuple[str, str]]:
    """Every method and path that the app knows; a path's variables are filled in."""
    known: list[tuple[str, str]] = []
    for route in here.edge.api.routes:
        assert isinstance(route, APIRoute | Route | WebSocketRoute), f"of what kind is {route}?"
        if route.path not in OPEN:
            methods = ["WEBSOCKET"] if isinstance(route, WebSocketRoute) else sorted(route.methods or ())
            known += [(method, re.sub(r"{[^}]*}", "w1-7", route.path)) for method in methods]
    return known


async def answer(here: Site, method: str, path: str, headers: dict[str, str], query: str = "") -> tuple[int, bytes]:
    """The status, and the body."""
    if method == "WEBSOCKET":
        socket = SocketClient(here.edge.app, path, headers=list(headers.items()), query=query)
        await socket.task
        return socket.sent[0]["status"], socket.sent[1]["body"]
    client = await Client(here.edge.app, method, path, query=query, headers=JSON | headers, body=[b"{}"]).response()
    return client.status or 0, client.body


async def test_the_walk_goes_past_all_that_there_is() -> None:
    async with site(api_keys=LINES) as here:
        walked = routes(here)
        assert len(walked) >= 12
        assert {
            ("POST", PATH),
            ("GET", PATH),
            ("POST", "/ask/stream"),
            ("GET", "/ask/stream"),
            ("POST", "/chat/stream"),
            ("GET", "/chat/stream"),
            ("DELETE", "/api/v1/ai/generations/w1-7"),
            ("POST", "/api/v1/ai/tickets"),
            ("POST", "/v1/chat/completions"),
            ("POST", "/v1/completions"),
            ("GET", "/v1/models"),
            ("GET", "/v1/models/w1-7"),
            ("WEBSOCKET", "/api/v1/ai/generate/ws"),
            ("POST", "/api/agents"),
            ("GET", "/api/agents"),
            ("GET", "/api/agents/w1-7"),
            ("PATCH", "/api/agents/w1-7"),
            ("DELETE", "/api/agents/w1-7"),
            ("GET", "/api/agents/w1-7/stats"),
            ("POST", "/api/agents/w1-7/chat"),
            ("POST", "/api/agents/w1-7/chat/stream"),
            ("GET", "/api/agents/w1-7/sessions"),
            ("POST", "/api/agents/w1-7/sessions"),
            ("GET", "/api/sessions/w1-7"),
            ("PATCH", "/api/sessions/w1-7"),
            ("DELETE", "/api/sessions/w1-7"),
        } <= set(walked)


async def test_who_has_no_right_key_gets_401_everywhere_in_the_same_words() -> None:
    async with site(api_keys=LINES) as here:
        for method, path in [*routes(here), ("GET", "/nowhere"), ("OPTIONS", PATH), ("PATCH", PATH)]:
            answers = {
                why: await answer(here, method, path, headers | {"x-request-id": "r"}) for why, headers in WRONG.items()
            }
            assert {status for status, _ in answers.values()} == {401}, (method, path)
            assert len({body for _, body in answers.values()}) == 1, (method, path)


async def test_a_ticket_that_is_used_or_made_up_is_as_no_key() -> None:
    async with site(api_keys=LINES) as here:
        used = await ticket(here, ALICE[0])
        good = await here.ask_with("GET", PATH, query=f"ticket={used}&prompt=").response()
        assert good.status == 400, "it let the request in, which is wrong"
        for method, path in routes(here):
            for query in (f"ticket={used}", "ticket=x", "ticket="):
                assert (await answer(here, method, path, {}, query))[0] == 401, (method, path, query)


async def test_a_ticket_that_is_old_is_as_no_key() -> None:
    async with site(api_keys=LINES) as here:
        tickets = {place: await ticket(here, ALICE[0]) for place in routes(here)}
        store = here.edge._entrance._tickets._store
        assert isinstance(store, LocalStore)
        clock = store._now
        store._now = lambda: clock() + LIFE_S
        for (method, path), old in tickets.items():
            assert (await answer(here, method, path, {}, f"ticket={old}"))[0] == 401, (method, path)


async def test_a_good_key_in_the_address_opens_nothing() -> None:
    async with site(api_keys=LINES) as here:
        for method, path in routes(here):
            for query in (f"api_key={ALICE[0]}", f"key={ALICE[0]}", f"access_token={ALICE[0]}"):
                status, body = await answer(here, method, path, {}, query)
                assert status == 401, (method, path)
                assert ALICE[0].encode() not in body


async def test_whether_it_is_alive_and_ready_anyone_may_ask() -> None:
    async with site(api_keys=LINES) as here:
        for path in OPEN:
            assert (await here.ask("GET", path).response()).status == 200


async def test_with_a_key_everything_is_there_as_without_any() -> None:
    async with site(api_keys=LINES) as here:
        client = await here.ask_with("POST", PATH, {"prompt": "x", "max_tokens": 3}, ALICE[0]).response()
        assert json.loads(client.stream.messages[-1].data)["isFinal"] is True
        chat = {"model": "scripted", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
        assert (await here.ask_with("POST", "/v1/chat/completions", chat, ALICE[0]).response()).status == 200
        assert (await here.ask_with("GET", "/v1/models", key=ALICE[0]).response()).status == 200
        assert (await here.ask_with("GET", "/nowhere", key=ALICE[0]).response()).status == 404


async def test_anothers_generation_is_as_none_to_read_to_go_on_with_and_to_stop() -> None:
    async with site(api_keys=LINES) as here:
        client = here.ask_with("POST", PATH, STALLED, ALICE[0])
        await eventually(lambda: client.stream.messages)
        theirs = client.headers["x-generation-id"]
        never = theirs[:-4] + "0000"
        for method, path, headers, query in (
            ("GET", PATH, {"last-event-id": "{}.0"}, ""),
            ("GET", PATH, {}, "last_event_id={}.1"),
            ("POST", PATH, {"last-event-id": "{}.99"}, ""),
            ("GET", "/ask/stream", {"last-event-id": "{}.0"}, ""),
            ("GET", "/chat/stream", {"last-event-id": "{}.0"}, ""),
            ("POST", "/chat/stream", {"last-event-id": "{}.1"}, ""),
            ("DELETE", "/api/v1/ai/generations/{}", {}, ""),
        ):
            answers = [
                await answer(
                    here,
                    method,
                    path.format(generation),
                    {name: value.format(generation) for name, value in headers.items()}
                    | bearer(BOB[0])
                    | {"x-request-id": "r"},
                    query.format(generation),
                )
                for generation in (theirs, never)
            ]
            assert answers[0] == answers[1]
            assert answers[0][0] == 404
        assert not client.task.done(), "nobody has stopped it"
        assert (await answer(here, "DELETE", f"/api/v1/ai/generations/{theirs}", bearer(ALICE[0])))[0] == 204
        await client.response()


AGENT, SESSION = "{agent}", "{session}"
SAYING = {"message": "x"}
OF_CONVERSATIONS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", f"/api/agents/{AGENT}", None),
    ("PATCH", f"/api/agents/{AGENT}", {"name": "mine"}),
    ("GET", f"/api/agents/{AGENT}/stats", None),
    ("GET", f"/api/agents/{AGENT}/sessions", None),
    ("POST", f"/api/agents/{AGENT}/sessions", {}),
    ("POST", f"/api/agents/{AGENT}/chat", SAYING),
    ("POST", f"/api/agents/{AGENT}/chat", {**SAYING, "session_id": SESSION}),
    ("POST", f"/api/agents/{AGENT}/chat/stream", SAYING),
    ("POST", f"/api/agents/{AGENT}/chat/stream", {**SAYING, "session_id": SESSION}),
    ("GET", f"/api/sessions/{SESSION}", None),
    ("PATCH", f"/api/sessions/{SESSION}", {"title": "mine"}),
    ("DELETE", f"/api/sessions/{SESSION}", None),
    ("DELETE", f"/api/agents/{AGENT}", None),
]


def filled(value: Any, agent: str, session: str) -> Any:
    text = json.dumps(value).replace(AGENT, agent).replace(SESSION, session)
    return json.loads(text)


async def test_anothers_agents_and_sessions_are_as_none_on_every_route(tmp_path: Path) -> None:
    quick = {"tokens": "3", "tokens_per_second": "0"}
    async with site(
        quick, api_keys=LINES, database_url=f"sqlite:///{tmp_path}/relay.db", database_timeout_s=10
    ) as here:
        made = await here.ask_with("POST", "/api/agents", {"name": "Owl"}, ALICE[0]).response()
        agent = json.loads(made.body)["id"]
        turn = await here.ask_with("POST", f"/api/agents/{agent}/chat", SAYING, ALICE[0]).response()
        session = json.loads(turn.body)["session_id"]
        before = (await here.ask_with("GET", f"/api/sessions/{session}", key=ALICE[0]).response()).body
        for method, path, body in OF_CONVERSATIONS:
            answers = []
            for ids in ((agent, session), ("never", "never")):
                client = here.ask_with(method, filled(path, *ids), filled(body, *ids), BOB[0])
                refused = json.loads((await client.response()).body)
                answers.append({name: value for name, value in refused.items() if name != "requestId"})
            assert answers[0] == answers[1], (method, path)
            assert answers[0]["status"] == 404, (method, path)
        for listed in ("/api/agents",):
            found = json.loads((await here.ask_with("GET", listed, key=BOB[0]).response()).body)
            assert found == {"agents": [], "next": None}
        assert (await here.ask_with("GET", f"/api/sessions/{session}", key=ALICE[0]).response()).body == before
        walked = {(method, path) for method, path in routes(here) if path.startswith(("/api/agents", "/api/sessions"))}
        tried = {(method, filled(path, "w1-7", "w1-7")) for method, path, _ in OF_CONVERSATIONS}
        assert walked - tried == {("GET", "/api/agents"), ("POST", "/api/agents")}, "a route that nobody walks"


async def test_anothers_session_is_not_gone_on_with_by_ones_own_agent(tmp_path: Path) -> None:
    async with site(api_keys=LINES, database_url=f"sqlite:///{tmp_path}/relay.db", database_timeout_s=10) as here:
        made = [await here.ask_with("POST", "/api/agents", {"name": "x"}, key).response() for key in (ALICE[0], BOB[0])]
        theirs, mine = (json.loads(client.body)["id"] for client in made)
        begun = await here.ask_with("POST", f"/api/agents/{theirs}/sessions", {}, ALICE[0]).response()
        body = {**SAYING, "session_id": json.loads(begun.body)["id"]}
        assert (await here.ask_with("POST", f"/api/agents/{mine}/chat", body, BOB[0]).response()).status == 404


async def test_anothers_generation_is_as_none_on_a_socket() -> None:
    async with site(api_keys=LINES) as here:
        client = here.ask_with("POST", PATH, STALLED, ALICE[0])
        await eventually(lambda: client.stream.messages)
        theirs = client.headers["x-generation-id"]
        headers = list(bearer(BOB[0]).items())
        socket = SocketClient(here.edge.app, "/api/v1/ai/generate/ws", headers=headers)
        for generation in (theirs, theirs[:-4] + "0000"):
            await socket.say(type="resume", ref="r", lastEventId=f"{generation}.0")
            await eventually(lambda: socket.frames)
            frames = [frame for frame in socket.frames if frame.get("ref") == "r"]
            assert {frame["code"] for frame in frames} == {"NOT_FOUND"}
        await eventually(lambda: len(socket.frames) == 2)
        assert socket.frames[0] == socket.frames[1]
        await socket.leave()
        client.leave()
        await client.response()


async def test_two_keys_of_one_owner_share_what_was_begun() -> None:
    second = made("alice")
    async with site(api_keys=f"{LINES}\n{second[1]}") as here:
        client = here.ask_with("POST", PATH, STALLED, ALICE[0])
        await eventually(lambda: client.stream.messages)
        generation = client.headers["x-generation-id"]
        assert (await answer(here, "DELETE", f"/api/v1/ai/generations/{generation}", bearer(second[0])))[0] == 204
        await client.response()


@pytest.mark.parametrize("path", [PATH, "/ask/stream", "/chat/stream"])
async def test_a_ticket_opens_an_event_source_as_its_owner(path: str) -> None:
    async with site({"tokens": "3", "tokens_per_second": "0"}, api_keys=LINES) as here:
        given = await ticket(here, ALICE[0])
        field = {PATH: "prompt", "/ask/stream": "question", "/chat/stream": "message"}[path]
        client = await here.ask_with("GET", path, query=f"{field}=x&ticket={given}").response()
        assert client.status == 200
        cursor = f"{client.headers['x-generation-id']}.0"
        query = f"last_event_id={cursor}&ticket={await ticket(here, BOB[0])}"
        assert (await here.ask_with("GET", path, query=query).response()).status == 404
        query = f"last_event_id={cursor}&ticket={await ticket(here, ALICE[0])}"
        assert (await here.ask_with("GET", path, query=query).response()).status in (200, 410)


async def ticket(here: Site, key: str) -> str:
    """A new one."""
    client = await here.ask_with("POST", "/api/v1/ai/tickets", key=key).response()
    body: dict[str, Any] = json.loads(client.body)
    assert client.status == 201
    return str(body["ticket"])
