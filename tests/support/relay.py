"""A TCP relay on loopback that can do what proxies on the way do: for now, hold bytes back and let them go in heaps."""

import asyncio
from typing import Self

READ_BYTES = 65_536


class Relay:
    """Takes connections and carries them on to `target`. To be used as an async context manager.

    Args:
        target: An address, such as 127.0.0.1:8080.
        hold_s: What comes back from the target waits so long for more to come, and then leaves with it.
    """

    def __init__(self, target: str, *, hold_s: float = 0.0) -> None:
        self.address = ""
        self._target = target
        self._hold_s = hold_s
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        host, _, port = self._target.rpartition(":")
        try:
            target_reader, target_writer = await asyncio.open_connection(host, int(port))
            try:
                await _either(carry(reader, target_writer), carry(target_reader, writer, hold_s=self._hold_s))
            finally:
                target_writer.close()
        finally:
            writer.close()
            self._connections.discard(task)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, hold_s: float = 0.0) -> None:
    """Write what is read, until that ends; in heaps that are gathered for so long."""
    while data := await reader.read(READ_BYTES):
        writer.write(data + await _within(reader, hold_s) if hold_s else data)
        await writer.drain()


async def _within(reader: asyncio.StreamReader, hold_s: float) -> bytes:
    gathered = b""
    try:
        async with asyncio.timeout(hold_s):
            while data := await reader.read(READ_BYTES):
                gathered += data
    except TimeoutError:
        pass
    return gathered


async def _either(*carrying: object) -> None:
    """Until one side has ended or broken; then neither is carried on."""
    tasks = [asyncio.ensure_future(one) for one in carrying]  # type: ignore[call-overload]  # coroutines, of any kind
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
