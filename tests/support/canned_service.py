"""An HTTP service that says what a test wrote, byte for byte, and notes what it was asked: what no real one does."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

HANG = b"<hang>"  # say nothing more, and keep the connection open
CUT = b"<cut>"  # reset it here


def answer(*pieces: bytes, status: str = "200 OK", media_type: str = "text/event-stream") -> list[bytes]:
    """A response in chunks; HANG and CUT may be among them."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunks = [piece if piece in (HANG, CUT) else b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return [head, *chunks, b"0\r\n\r\n"]


def event(chunk: dict[str, Any]) -> bytes:
    """A chunk as an event."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def said(text: str, **choice: Any) -> bytes:
    """An event with a piece of a chat's answer."""
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None} | choice]})


STOP = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 7}})
DONE = b"data: [DONE]\n\n"


@dataclass
class CannedService:
    """To be used as an async context manager. The last answer is given again and again."""

    answers: list[list[bytes]]
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # path and body
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0  # that there have been
    open: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((first.split()[1], json.loads(body or b"{}")))
        self.headers.append(headers)
        for piece in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
            if piece == HANG:
                await reader.read()  # until the client leaves
                return False
            if piece == CUT:
                writer.transport.abort()
                return False
            writer.write(piece)
            await writer.drain()
        return True
