"""Asks every request who it is from, before anything else looks at it: what is not open to all is closed.

    comes with                                       where it counts
    ----------------------------------------------   ------------------------------------------------------
    `Authorization: Bearer <key or token>`           everywhere
    `?ticket=`, once                                 where a browser can not set headers: EventSource, WebSocket
    a cookie with a key or token, if one is named    everywhere, from our own pages and those that are listed
    a key in the address                             nowhere: addresses are logged, kept and shared

It stands outside of all routes and of the shortcut past them, so that a route that is new is closed. Only the request's
beginning passes here: nothing is done per event.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.origin import may_connect
from edge_proxy.downstream.problems import refuse

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
TICKET = b"ticket="
NOT_IN_ADDRESSES = frozenset({b"api_key", b"apikey", b"api-key", b"key", b"token", b"access_token", b"authorization"})
Find = Callable[[str], Awaitable[Caller | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How callers are known.

    Args:
        identify: Who comes with a key or token.
        redeem: Who comes with a ticket.
        ticket_paths: Where tickets count.
        cookie: Its name; "": none counts.
        origins: Whose pages may send it, besides our own.
    """

    identify: Find
    redeem: Find
    ticket_paths: Collection[str]
    cookie: str = ""
    origins: Collection[str] = ()


def caller_of(connection: HTTPConnection) -> Caller:
    """Who a request is from."""
    caller: Caller = connection.scope.get("state", {}).get("caller", ANYONE)
    return caller


class Authentication:
    """Pure ASGI, as all that streams pass through. Without `ways` anyone may come."""

    def __init__(self, app: ASGIApp, ways: Ways | None) -> None:
        self._app = app
        self._ways = ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "lifespan" and scope["path"] not in OPEN_PATHS:
            ticket = _take_ticket(scope) if scope["query_string"] else ""
            if self._ways:
                try:
                    scope.setdefault("state", {})["caller"] = await self._caller(self._ways, scope, ticket)
                except Refused as refused:
                    if scope["type"] == "websocket":
                        await receive()  # "websocket.connect"
                    await refuse(refused.failure, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _caller(self, ways: Ways, scope: Scope, ticket: str) -> Caller:
        caller = None
        headers = Headers(scope=scope)
        given = headers.getlist("authorization")
        if scope["query_string"] and _names_a_key(scope):
            raise Refused(
                Failure(Code.UNAUTHENTICATED, "A key belongs into the header Authorization, and nowhere else.")
            )
        if given:
            scheme, _, credential = given[0].partition(" ")
            if len(given) == 1 and scheme.lower() == "bearer":
                caller = await ways.identify(credential.strip())
        elif ticket:
            if scope["path"] in ways.ticket_paths and scope.get("method", "GET") == "GET":
                caller = await ways.redeem(ticket)
        elif ways.cookie and (credential := _cookie(headers, ways.cookie)):
            if not _of_our_pages(headers, ways.origins):
                raise Refused(Failure(Code.PERMISSION_DENIED, "Pages of that origin may not use this edge."))
            caller = await ways.identify(credential)
        if caller is None:
            raise Refused(Failure(Code.UNAUTHENTICATED))
        return caller


def _take_ticket(scope: Scope) -> str:
    """The ticket of the query, which nobody behind here sees. Of two, none counts."""
    parts = scope["query_string"].split(b"&")
    tickets = [part for part in parts if part.startswith(TICKET)]
    if tickets:
        scope["query_string"] = b"&".join([part for part in parts if not part.startswith(TICKET)])
    return tickets[0].removeprefix(TICKET).decode("latin-1") if len(tickets) == 1 else ""


def _names_a_key(scope: Scope) -> bool:
    parts = scope["query_string"].split(b"&")
    return any(unquote_to_bytes(part.partition(b"=")[0]).lower() in NOT_IN_ADDRESSES for part in parts)


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _of_our_pages(headers: Headers, origins: Collection[str]) -> bool:
    """Browsers send cookies for any page. They name its origin, or, of a GET within a site, that it is ours."""
    given = headers.getlist("origin")
    if not given:
        return headers.get("sec-fetch-site") == "same-origin"  # W3C Fetch Metadata, section 2.3
    return len(given) == 1 and may_connect(given[0], host=headers.get("host", ""), listed=origins)
