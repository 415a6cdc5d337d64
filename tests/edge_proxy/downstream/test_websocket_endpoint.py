"""Who may open a socket."""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.errors import Code
from edge_proxy.downstream.request_id import RequestIdMiddleware
from edge_proxy.downstream.websocket import LAST_PATIENCE_S
from edge_proxy.downstream.websocket_endpoint import WebSocketEndpoint
from edge_proxy.policy.admission import Admission
from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.downstream.played_socket import TERMS, make_streams
from tests.edge_proxy.downstream.played_upstream import PlayedUpstream
from tests.support.virtual_time import in_virtual_time, settle

HOST = ("Host", "edge.example")


class Site:
    """An endpoint."""

    def __init__(self) -> None:
        self.upstream = PlayedUpstream()
        self.admission = Admission(TERMS)
        self.streams = make_streams(self.upstream, self.admission)
        self.endpoint = WebSocketEndpoint(
            self.streams,
            origins=["https://app.example"],
            draining=lambda: self.admission.draining,
            max_streams=1,
            resume_window_s=7.0,
        )

    async def connect(
        self,
        *headers: tuple[str, str],
        extensions: tuple[str, ...] = ("websocket.http.response",),
        caller: Caller = ANYONE,
    ) -> SocketClient:
        """A client that has asked for the upgrade."""

        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"]["caller"] = caller
            await self.endpoint(scope, receive, send)

        client = SocketClient(RequestIdMiddleware(endpoint), headers=[HOST, *headers], extensions=extensions)
        await settle()
        return client


@pytest.mark.parametrize(
    "headers",
    [[], [("Origin", "http://edge.example")], [("Origin", "https://app.example")]],
    ids=["no browser", "our own page", "a listed page"],
)
def test_these_are_accepted(headers: list[tuple[str, str]]) -> None:
    @in_virtual_time
    async def test() -> None:
        client = await Site().connect(*headers)
        assert client.accepted
        assert not client.task.done()
        await client.leave()

    test()


@in_virtual_time
async def test_another_origin_is_refused_before_the_upgrade() -> None:
    client = await Site().connect(("Origin", "https://evil.example"))
    start, body = client.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    problem = json.loads(body["body"])
    assert problem["code"] == "PERMISSION_DENIED"
    assert problem["requestId"].encode() == headers[b"x-request-id"]
    assert client.task.done()


@in_virtual_time
async def test_two_origins_are_none() -> None:
    client = await Site().connect(("Origin", "https://app.example"), ("Origin", "https://app.example"))
    assert client.sent[0]["status"] == 403


@in_virtual_time
async def test_a_server_that_can_send_no_response_closes() -> None:
    client = await Site().connect(("Origin", "https://evil.example"), extensions=())
    assert [message["type"] for message in client.sent] == ["websocket.close"]


@in_virtual_time
async def test_when_the_server_stops_new_ones_are_refused_and_all_others_closed() -> None:
    site = Site()
    idle, busy = await site.connect(), await site.connect()
    await busy.say(type="generate", prompt="x")
    site.admission.draining = True
    late = await site.connect()
    assert (late.sent[0]["status"], json.loads(late.sent[1]["body"])["code"]) == (503, "SERVER_DRAINING")
    assert (b"retry-after", b"1") in late.sent[0]["headers"]
    site.streams.fail_all(Code.SERVER_DRAINING)
    site.endpoint.end()
    await settle()
    assert (idle.close_code, busy.close_code) == (1001, 1001)
    assert busy.codes == ["SERVER_DRAINING"]


@in_virtual_time
async def test_when_the_server_drains_sockets_close_that_have_no_generation() -> None:
    site = Site()
    idle, busy = await site.connect(), await site.connect()
    await busy.say(type="generate", prompt="x")
    site.endpoint.drain()
    await settle()
    assert idle.close_code == 1001
    assert not busy.task.done()
    await busy.leave()


@in_virtual_time
async def test_a_socket_that_is_over_is_forgotten() -> None:
    site = Site()
    client = await site.connect()
    await client.leave()
    assert client.task.done()
    assert site.endpoint._sockets == set()


@in_virtual_time
async def test_the_settings_are_those_of_its_sockets() -> None:
    site = Site()
    client = await site.connect()
    await client.say(type="generate", ref="a", prompt="x", resumable=True)
    await client.say(type="generate", ref="b", prompt="x")
    assert site.upstream.last.request.resume_window_s == 7.0
    assert client.codes == ["OVERLOADED"]
    await client.leave()


@in_virtual_time
async def test_an_upgrade_has_a_request_id() -> None:
    client = await Site().connect(("X-Request-ID", "my-1"))
    assert (b"x-request-id", b"my-1") in client.sent[0]["headers"]
    await client.leave()


@in_virtual_time
async def test_a_socket_closes_when_who_opened_it_may_not_any_more() -> None:
    site = Site()
    idle, busy, others = [
        await site.connect(caller=Caller(key_id=owner, owner=owner)) for owner in ("alice", "alice", "bob")
    ]
    await busy.say(type="generate", prompt="x")
    for _ in range(3):
        site.streams.recheck(lambda caller: caller.owner == "bob")
        site.endpoint.recheck(lambda caller: caller.owner == "bob")
    await asyncio.sleep(LAST_PATIENCE_S + 0.1)
    assert [idle.close_code, busy.close_code, others.close_code] == [3000, 3000, None]
    assert busy.codes == ["UNAUTHENTICATED"]
    assert site.admission.streams == 0
    await others.leave()
