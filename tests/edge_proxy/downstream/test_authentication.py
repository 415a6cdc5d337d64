import json
from collections.abc import Sequence

import pytest
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.authentication import Authentication, Ways, caller_of
from edge_proxy.downstream.request_id import RequestIdMiddleware
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.asgi_socket import SocketClient

ALICE = Caller(key_id="1", owner="alice")
GOOD = {"authorization": "Bearer good"}
PAGE = "https://app.example"


class Inner:
    """What stands behind: notes who comes, and with which query."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.queries: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.queries.append(b"lifespan")
            return
        self.callers.append(caller_of(HTTPConnection(scope)))
        self.queries.append(scope["query_string"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Door:
    """The layer, with one key, one ticket and one app behind it."""

    def __init__(self, *, cookie: str = "", origins: Sequence[str] = (), asks: bool = True) -> None:
        self.inner = Inner()
        self.identified: list[str] = []
        self.redeemed: list[str] = []
        ways = Ways(
            identify=self._identify, redeem=self._redeem, ticket_paths={"/stream"}, cookie=cookie, origins=origins
        )
        self.app = RequestIdMiddleware(Authentication(self.inner, ways if asks else None))

    async def _identify(self, credential: str) -> Caller | None:
        self.identified.append(credential)
        if credential == "unsure":
            raise Refused(Failure(Code.SERVER_BUSY))
        return ALICE if credential == "good" else None

    async def _redeem(self, ticket: str) -> Caller | None:
        self.redeemed.append(ticket)
        return ALICE if ticket == "t1" else None

    async def ask(
        self, path: str = "/any", *, method: str = "GET", query: str = "", headers: dict[str, str] | None = None
    ) -> Client:
        return await Client(self.app, method, path, query=query, headers=headers).response()


async def test_a_key_in_the_header_opens_everything_by_any_method() -> None:
    door = Door()
    for method in ("GET", "POST", "DELETE", "HEAD"):
        assert (await door.ask(method=method, headers=GOOD)).status == 200
    assert door.inner.callers == [ALICE] * 4


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
async def test_the_schemes_case_means_nothing(scheme: str) -> None:
    assert (await Door().ask(headers={"authorization": f"{scheme} good"})).status == 200  # RFC 9110, section 11.1


@pytest.mark.parametrize(
    "value", ["", "good", "Basic good", "Bearer", "Bearer ", "Bearergood", "Bearer bad", "Bearer good bad", "\xff"]
)
async def test_a_header_with_anything_else_opens_nothing(value: str) -> None:
    door = Door()
    assert (await door.ask(headers={"authorization": value})).status == 401
    assert not door.inner.callers


async def test_two_headers_open_nothing_although_one_is_good() -> None:
    door = Door()
    sent = SocketClient(door.app, headers=[("authorization", "Bearer good"), ("authorization", "Bearer good")])
    await sent.task
    assert sent.sent[0]["status"] == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_whether_it_is_alive_is_open_to_all(path: str) -> None:
    assert (await Door().ask(path)).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/healthz/", "/Healthz", "/healthz/../any", "//healthz", "/openapi.json", "/new"]
)
async def test_everything_else_is_closed_whether_it_is_there_or_not(path: str) -> None:
    assert (await Door().ask(path)).status == 401


async def test_the_refusal_names_the_scheme_and_is_the_same_for_every_reason() -> None:
    door = Door()
    bodies = set()
    ways: tuple[dict[str, str], ...] = ({}, {"authorization": "Bearer bad"}, {"authorization": "Basic x"})
    for headers in ways:
        client = await door.ask(headers=headers | {"x-request-id": "r"})
        assert client.headers["www-authenticate"] == "Bearer"
        assert client.headers["content-type"] == "application/problem+json"
        bodies.add(client.body)
    assert len(bodies) == 1
    assert json.loads(bodies.pop())["code"] == "UNAUTHENTICATED"


async def test_under_v1_the_refusal_is_openais() -> None:
    client = await Door().ask("/v1/models")
    assert json.loads(client.body)["error"]["code"] == "unauthenticated"
    assert client.headers["x-should-retry"] == "false"


async def test_what_can_not_be_checked_is_said_so() -> None:
    assert (await Door().ask(headers={"authorization": "Bearer unsure"})).status == 503


async def test_a_ticket_opens_where_tickets_count_and_nobody_behind_sees_it() -> None:
    door = Door()
    assert (await door.ask("/stream", query="prompt=a%20b&ticket=t1&x=1")).status == 200
    assert door.inner.queries == [b"prompt=a%20b&x=1"]
    assert door.inner.callers == [ALICE]


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/any", "ticket=t1"),
        ("POST", "/stream", "ticket=t1"),
        ("GET", "/stream", "ticket=t2"),
        ("GET", "/stream", "ticket="),
        ("GET", "/stream", "ticket=t1&ticket=t1"),
        ("GET", "/stream", "%74icket=t1"),
        ("GET", "/stream", "tickets=t1"),
    ],
)
async def test_elsewhere_or_otherwise_a_ticket_opens_nothing(method: str, path: str, query: str) -> None:
    assert (await Door().ask(path, method=method, query=query)).status == 401


async def test_a_header_goes_before_a_ticket_which_stays_unused() -> None:
    door = Door()
    assert (await door.ask("/stream", query="ticket=t1", headers=GOOD)).status == 200
    assert (await door.ask("/stream", query="ticket=t1", headers={"authorization": "Bearer bad"})).status == 401
    assert door.redeemed == []


@pytest.mark.parametrize(
    "query", ["api_key=good", "key=good", "KEY=good", "%6bey=good", "access_token=good", "prompt=x&token=good"]
)
async def test_a_key_in_the_address_is_not_taken_not_even_beside_a_good_one(query: str) -> None:
    door = Door()
    for headers in ({}, GOOD):
        client = await door.ask("/stream", query=query, headers=headers)
        assert client.status == 401
        assert "header" in json.loads(client.body)["detail"]
    assert door.identified == [], "a key that was shown to everybody is not even looked at"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": PAGE}, 200),
        ({"origin": "http://edge.example"}, 200),  # our own
        ({"sec-fetch-site": "same-origin"}, 200),  # a GET of our own pages
        ({}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"origin": f"{PAGE}.evil.example"}, 403),
        ({"origin": "https://evilapp.example"}, 403),
    ],
)
async def test_a_cookie_counts_from_known_pages_only(headers: dict[str, str], status: int) -> None:
    door = Door(cookie="relay", origins=[PAGE])
    given = headers | {"cookie": "a=b; relay=good", "host": "edge.example"}
    assert (await door.ask(headers=given)).status == status
    assert door.inner.callers == ([ALICE] if status == 200 else [])


@pytest.mark.parametrize("cookie", ["relay=bad", "other=good", "relay=", "=;;=", "relay"])
async def test_another_cookie_opens_nothing(cookie: str) -> None:
    door = Door(cookie="relay", origins=[PAGE])
    assert (await door.ask(headers={"cookie": cookie, "origin": PAGE})).status == 401


async def test_cookies_do_not_count_where_none_is_named() -> None:
    assert (await Door().ask(headers={"cookie": "relay=good", "sec-fetch-site": "same-origin"})).status == 401


async def test_a_socket_is_asked_before_it_is_accepted() -> None:
    door = Door()
    refused = SocketClient(door.app, "/stream")
    await refused.task
    assert (refused.sent[0]["type"], refused.sent[0]["status"]) == ("websocket.http.response.start", 401)
    plain = SocketClient(door.app, "/stream", extensions=())
    await plain.task
    assert [message["type"] for message in plain.sent] == ["websocket.close"]
    welcome = SocketClient(door.app, "/stream", headers=[("authorization", "Bearer good")])
    await welcome.task
    assert welcome.accepted


async def test_where_nobody_is_asked_anyone_comes_and_tickets_are_no_part_of_the_query() -> None:
    door = Door(asks=False)
    assert (
        await door.ask("/stream", query="ticket=t1&prompt=x", headers={"authorization": "Bearer none"})
    ).status == 200
    assert door.inner.callers == [ANYONE]
    assert door.inner.queries == [b"prompt=x"]


async def test_the_servers_start_and_stop_pass() -> None:
    door = Door()
    await door.app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # neither is used
    assert door.inner.queries == [b"lifespan"]
