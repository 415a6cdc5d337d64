"""An HTTP/1.1 client for one request, that notes when each event arrives and can leave in several ways.

Written on plain sockets: HTTP libraries buffer, and close politely.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from tests.support.sse import Event, Reader

PATH = "/api/v1/ai/generate"


class Exchange:
    """One request and its response, while it lasts.

    Attributes:
        status: Of the response.
        headers: Of the response, names in lower case.
        complete: The body's own end has been read: it was not cut.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self._reader = reader
        self._writer = writer

    @classmethod
    async def send(cls, address: str, head: str, body: bytes = b"") -> Self:
        """Connect and send a request, without waiting for the response. `head` is its lines but Host, LF-separated."""
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
        lines = [*head.strip().split("\n"), f"Host: {address}"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        return cls(reader, writer)

    @classmethod
    async def post(cls, address: str, request: Mapping[str, object], path: str = PATH, accept: str = "*/*") -> Self:
        """Post JSON and read the response's head."""
        head = f"POST {path} HTTP/1.1\nContent-Type: application/json\nAccept: {accept}"
        exchange = await cls.send(address, head, json.dumps(request).encode())
        await exchange.read_head()
        return exchange

    @classmethod
    async def get(cls, address: str, path: str, method: str = "GET") -> Self:
        """Get, and read the response's head."""
        exchange = await cls.send(address, f"{method} {path} HTTP/1.1")
        await exchange.read_head()
        return exchange

    async def read_head(self) -> None:
        """Read status and headers."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.status == 204:
            self.close()

    async def body(self) -> bytes:
        """The rest of the response; the connection is closed."""
        try:
            if "content-length" not in self.headers:
                return b"".join([piece async for piece in self.pieces()])
            data = await self._reader.readexactly(int(self.headers["content-length"]))
            self.complete = True
            return data
        finally:
            self.close()

    async def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(await self.body())

    async def pieces(self) -> AsyncIterator[bytes]:
        """The chunks of the body; ends early when the connection does."""
        while True:
            try:
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                piece = (await self._reader.readexactly(size + 2))[:-2]
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if not size:
                self.complete = True
                return
            yield piece

    async def events(self) -> AsyncIterator[tuple[float, Event]]:
        """The events, each with the instant of its arrival on the event loop's clock."""
        loop, reader = asyncio.get_running_loop(), Reader()
        async for piece in self.pieces():
            now = loop.time()
            for event in reader.feed(piece):
                yield now, event
        if self.complete:
            reader.close()

    async def all_events(self) -> list[Event]:
        """All events, when the stream is over; the connection is closed."""
        events = [event async for _, event in self.events()]
        self.close()
        return events

    def close(self) -> None:
        """Leave with a FIN."""
        self._writer.close()

    def reset(self) -> None:
        """Leave with a RST."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def pause(self) -> None:
        """Read no more from the socket, so that the other side can not send."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of a socket does both

    def resume(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
