"""Stands between a client and a server, passes everything on and keeps it: shows what a client does not tell."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LIMIT_S = 30.0


class Tap:
    """What has passed.

    Attributes:
        address: Where clients are to connect to.
        sent: All bytes from clients.
        received: All bytes for them.
    """

    def __init__(self) -> None:
        self.address = ""
        self.sent = bytearray()
        self.received = bytearray()
        self._news = asyncio.Event()

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return self.sent.count(b" HTTP/1.1\r\n")

    async def wait_for(self, data: bytes) -> None:
        """Until this has been received."""
        async with asyncio.timeout(LIMIT_S):
            while data not in self.received:
                self._news.clear()
                await self._news.wait()

    def keep(self, data: bytes) -> None:
        """Note what came from the server."""
        self.received += data
        self._news.set()


@asynccontextmanager
async def tapped(server: str) -> AsyncIterator[Tap]:
    """A tap before the server of this address."""
    tap, passing = Tap(), set[asyncio.Task[None]]()
    host, _, port = server.rpartition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(host, int(port))
        to = asyncio.create_task(_pass(reader, to_server, tap.sent.extend))
        back = asyncio.create_task(_pass(from_server, writer, tap.keep))
        passing.update((to, back))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    tap.address = "{}:{}".format(*listener.sockets[0].getsockname())
    try:
        yield tap
    finally:
        listener.close()
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: Callable[[bytes], None]) -> None:
    try:
        while data := await reader.read(65_536):
            keep(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # as good as an end
    finally:
        writer.close()
