"""A client that is a plain socket, which can be as slow, as wrong and as silent as a test wants it."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.processes import Service, wait_until

ESTABLISHED = 1  # TCP_INFO's first byte, as in Linux's net/tcp_states.h

T = TypeVar("T")


class Raw:
    """One connection. With `small`, the client's kernel holds next to nothing that is not read."""

    def __init__(self, address: str, data: bytes = b"", *, small: bool = False) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect((host, int(port)))
        self.opened = time.monotonic()
        self.socket.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; with a reset, if there is something unread."""
        self.socket.close()

    @property
    def open(self) -> bool:
        """Whether the other side has said nothing of an end yet."""
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED

    def send(self, data: bytes) -> bool:
        """Whether there is still somebody to send it to."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def wait_for_end(self, limit_s: float) -> float:
        """Poll until the other side has ended the connection; how long after its beginning, in seconds."""
        wait_until(lambda: not self.open, "the connection's end", limit_s=limit_s)
        return time.monotonic() - self.opened

    def read_some(self, size: int) -> bytes:
        """What there is, up to a size; empty at the end.

        Raises:
            OSError: The connection was reset, or nothing came for ten seconds.
        """
        return self.socket.recv(size)

    def read_to_end(self) -> tuple[bytes, bool]:
        """All that comes, and whether the connection was ended by a reset."""
        data = b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            return data, True
        return data, False


def post(path: str, body: bytes) -> bytes:
    """A request, as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def in_thread(call: Callable[..., T], *arguments: object) -> T:
    """A plain socket's slow call, beside what else the test's loop has to do."""
    return await asyncio.get_running_loop().run_in_executor(None, call, *arguments)


def resident_kib(service: Service) -> int:
    """The memory of its process."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
