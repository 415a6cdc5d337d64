"""Debian's redis-server as a real process, on a free port of loopback."""

import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.processes import free_port, wait_until

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class Server:
    """One server, that can be stopped, frozen and started again where it was. It keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        assert PROGRAM
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, f"{PROGRAM} answers on port {self.port}")

    def kill(self) -> None:
        """End it without a word."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Have it answer nothing, and close nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False


@contextlib.contextmanager
def redis_server() -> Iterator[Server]:
    """A server that runs; the test is skipped where there is none."""
    if PROGRAM is None:
        pytest.skip("there is no redis-server here: apt-get install redis-server")
    server = Server()
    server.start()
    try:
        yield server
    finally:
        server.kill()
