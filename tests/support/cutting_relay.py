"""A TCP relay on loopback that cuts connections: each after so many bytes of the answer, or all of them when told."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Self


class CuttingRelay:
    """Takes connections and carries them on to `target`. To be used as an async context manager.

    Args:
        target: An address, such as 127.0.0.1:8080.
        after_bytes: Of what comes back, the first connection gets so many and is then closed, with a FIN, or bytes that
            have not been read would be lost; then the second, and so on. Those beyond the last are not cut.
        piece_bytes: What comes back leaves in pieces of at most so many bytes, each in a segment of its own.

    Attributes:
        requests: What each connection has asked, as it was sent.
        refusing: Take no connections: reset each at once.
    """

    def __init__(self, target: str, *, after_bytes: Iterable[int] = (), piece_bytes: int = 65_536) -> None:
        self.address = ""
        self.requests: list[bytearray] = []
        self.refusing = False
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._after_bytes = iter(after_bytes)
        self._piece_bytes = piece_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    @property
    def posts(self) -> int:
        """How often a prompt was sent."""
        return sum(request.count(b"POST /") for request in self.requests)

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            _reset(writer)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.refusing:
            _reset(writer)
            return
        self._tasks.add(asyncio.create_task(self._serve(reader, writer, next(self._after_bytes, None))))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            target_reader, target_writer = await asyncio.open_connection(*self._target)
            self._writers.add(target_writer)
            request = bytearray()
            self.requests.append(request)
            there = asyncio.create_task(_upstream(reader, target_writer, request))
            back = asyncio.create_task(self._downstream(target_reader, writer, limit))
            try:
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (there, back):
                    task.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
                target_writer.close()
                writer.close()

    async def _downstream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while limit != 0 and (data := await reader.read(min(self._piece_bytes, limit or self._piece_bytes))):
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0)
            limit = limit - len(data) if limit else None


async def _upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    while data := await reader.read(65_536):
        kept += data
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
