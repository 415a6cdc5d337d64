"""Gives every response an X-Request-ID, an upgrade's too: the client's own, if it is short and plain, or a new one."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADS = ("http.response.start", "websocket.http.response.start", "websocket.accept")  # messages with headers


class RequestIdMiddleware:
    """Pure ASGI: a middleware that wraps responses would hide the client's leaving from streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if PLAIN.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in HEADS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)
