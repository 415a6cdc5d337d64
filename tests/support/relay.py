"""A TCP relay on loopback that can do what lies on the way does: hold bytes back and let them go in heaps, be far away,
cut them small, break, and swallow everything."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Self

READ_BYTES = 65_536


@dataclass
class Manners:
    """What becomes of bytes. Can be changed while connections last.

    Attributes:
        hold_s: What comes back from the target waits so long for more to come, and then leaves with it.
        latency_s: What comes, from either side, leaves so much later.
        slice_bytes: It leaves in writes of so many bytes; 0: as it came.
        bytes_per_s: It leaves so fast, of each connection and in each direction; 0: as fast as it comes.
        open: Unset it, and whatever comes is taken and goes nowhere until it is set again: a black hole.
    """

    hold_s: float = 0.0
    latency_s: float = 0.0
    slice_bytes: int = 0
    bytes_per_s: float = 0.0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()


class Relay:
    """Takes connections and carries them on to `target`. To be used as an async context manager.

    Args:
        target: An address, such as 127.0.0.1:8080.
        manners: Those of `Manners`.

    Attributes:
        taken: How many connections it has taken.
    """

    def __init__(self, target: str, **manners: Any) -> None:
        self.address = ""
        self.taken = 0
        self.manners = Manners(**manners)
        self._target = target
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

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

    def cut(self) -> int:
        """Break all connections, with a RST to both sides; how many there were."""
        for writer in self._writers:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return len(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        self.taken += 1
        host, _, port = self._target.rpartition(":")
        try:
            target_reader, target_writer = await asyncio.open_connection(host, int(port))
            self._writers |= {writer, target_writer}
            there = _carry(reader, target_writer, self.manners, holding=False)
            back = _carry(target_reader, writer, self.manners, holding=True)
            try:
                await _either(there, back)
            finally:
                target_writer.close()
                self._writers -= {writer, target_writer}
        except asyncio.CancelledError:
            pass  # by the context's end, and asyncio would log it
        finally:
            writer.close()
            self._connections.discard(task)


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, manners: Manners, *, holding: bool
) -> None:
    """Write what is read, in its time, until that ends."""
    loop = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    leaving = asyncio.create_task(_let_leave(on_the_way, writer, manners))
    try:
        with contextlib.suppress(ConnectionError):  # it was cut
            while data := await reader.read(READ_BYTES):
                if holding and manners.hold_s:
                    data += await _within(reader, manners.hold_s)
                on_the_way.put_nowait((loop.time() + manners.latency_s, data))
            on_the_way.put_nowait((loop.time() + manners.latency_s, b""))
            await leaving
    finally:
        leaving.cancel()


async def _let_leave(
    on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, manners: Manners
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, data = await on_the_way.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        await manners.open.wait()
        if not data:
            return
        await _write(data, writer, manners)


async def _write(data: bytes, writer: asyncio.StreamWriter, manners: Manners) -> None:
    size = manners.slice_bytes or len(data)
    for place in range(0, len(data), size):
        piece = data[place : place + size]
        writer.write(piece)
        await writer.drain()
        if manners.bytes_per_s:
            await asyncio.sleep(len(piece) / manners.bytes_per_s)
        elif manners.slice_bytes:
            await asyncio.sleep(0)  # for the kernel to send what it has


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
