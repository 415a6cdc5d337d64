"""A client of ASGI apps, made by hand: the test says when it reads and when it leaves."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message

from tests.edge_proxy.sse_parser import EventStream, parse


class Client:
    """One request and what came back, each part with its instant on the event loop's clock.

    Args:
        app: Answers it.
        body: The request's body, in the pieces that it arrives in.
    """

    def __init__(
        self,
        app: ASGIApp,
        method: str = "POST",
        path: str = "/",
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: Sequence[bytes] = (),
    ) -> None:
        self.parts: list[tuple[float, bytes]] = []  # of the body
        self.sent: list[Message] = []
        self.received = 0  # pieces of the request that were asked for
        self._pieces = list(body) or [b""]
        self._left = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        self.task = asyncio.create_task(self._run(app, scope))

    def leave(self) -> None:
        """Close the connection. A send that waits is not woken by it."""
        self._left.set()

    def stop_reading(self) -> None:
        """From now on, sends wait."""
        self._reads.clear()

    def read(self) -> None:
        """Take what waits, and what comes."""
        self._reads.set()

    @property
    def status(self) -> int | None:
        """The response's; None before it began."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        """The response's."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        """The response's so far."""
        return b"".join(data for _, data in self.parts)

    @property
    def complete(self) -> bool:
        """The body has come to its own end."""
        return bool(self.sent) and self.sent[-1].get("more_body") is False

    @property
    def stream(self) -> EventStream:
        """The body, read as an event stream."""
        return parse(self.body)

    async def response(self) -> "Client":
        """Itself, when the app is done. Raises what the app raised."""
        await self.task
        return self

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._pieces:
            self.received += 1
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._reads.wait()
        if message["type"] == "http.response.body":
            self.parts.append((asyncio.get_running_loop().time(), message.get("body", b"")))
            message = {"more_body": False} | dict(message)
        self.sent.append(message)
