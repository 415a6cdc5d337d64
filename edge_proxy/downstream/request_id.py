"""Gives every response an X-Request-ID, an upgrade's too: the client's own, if it is short and plain, or a new one.

And reads which trace a request is part of, for who says so, and tells which requests were refused, by whomever: it
stands outside of all.
"""

import re
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_proxy.core.errors import Code
from edge_proxy.core.trace import valid

PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADS = ("http.response.start", "websocket.http.response.start", "websocket.accept")  # messages with headers


class RequestIdMiddleware:
    """Pure ASGI: a middleware that wraps responses would hide the client's leaving from streams."""

    def __init__(self, app: ASGIApp, on_refusal: Callable[[Code], object] = lambda code: None) -> None:
        self._app = app
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if PLAIN.fullmatch(given) else secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["trace_parent"] = valid(headers.get("traceparent", ""))

        async def send_with_id(message: Message) -> None:
            if message["type"] in HEADS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if "refused" in state:
                self._on_refusal(state["refused"])
