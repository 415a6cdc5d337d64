"""A client of ASGI apps on a WebSocket, made by hand: the test says what it sends, when it reads and when it leaves."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message

from tests.support.virtual_time import settle


class SocketClient:
    """One socket, and what came back.

    Args:
        app: Answers it.
        headers: Of the handshake, in pairs.
        extensions: What the server can do.
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str = "/",
        *,
        query: str = "",
        headers: Sequence[tuple[str, str]] = (),
        extensions: Sequence[str] = ("websocket.http.response",),
    ) -> None:
        self.sent: list[Message] = []
        self.broken = False  # a send raises what a server's does when the client has gone
        self.received = 0
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._messages.put_nowait({"type": "websocket.connect"})
        self._reads = asyncio.Event()
        self._reads.set()
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "state": {},
            "extensions": {name: {} for name in extensions},
        }
        self.task: asyncio.Task[None] = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def say(self, **frame: Any) -> None:
        """Send a frame, and let everything be done that follows from it at once."""
        await self.say_text(json.dumps(frame))

    async def say_text(self, text: str) -> None:
        """Send a text frame as it is."""
        self._messages.put_nowait({"type": "websocket.receive", "text": text})
        await settle()

    async def say_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        self._messages.put_nowait({"type": "websocket.receive", "bytes": data})
        await settle()

    async def leave(self) -> None:
        """Close the connection. A send that waits is not woken by it."""
        self._messages.put_nowait({"type": "websocket.disconnect", "code": 1005})
        await settle()

    def stop_reading(self) -> None:
        """From now on, sends wait."""
        self._reads.clear()

    def read(self) -> None:
        """Take what waits, and what comes."""
        self._reads.set()

    @property
    def accepted(self) -> bool:
        """The handshake succeeded."""
        return bool(self.sent) and self.sent[0]["type"] == "websocket.accept"

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The objects that came."""
        return [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]

    @property
    def codes(self) -> list[str]:
        """The codes of the errors that came."""
        return [frame["code"] for frame in self.frames if frame["type"] == "error"]

    @property
    def close_code(self) -> int | None:
        """What the app closed it with; None if it has not."""
        codes: list[int] = [message["code"] for message in self.sent if message["type"] == "websocket.close"]
        return codes[-1] if codes else None

    async def _receive(self) -> Message:
        message = await self._messages.get()
        self.received += 1
        return message

    async def _send(self, message: Message) -> None:
        await self._reads.wait()
        if self.broken:
            raise OSError
        self.sent.append(message)
