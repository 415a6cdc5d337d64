"""Debian's PostgreSQL as a real server of our own, in a folder that goes away with it, on a free port of loopback."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.processes import free_port, wait_until

FOLDERS = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"), Path("/usr/local/bin")]
BIN = next((folder for folder in FOLDERS if (folder / "postgres").exists() and (folder / "initdb").exists()), None)
USER = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root


class Server:
    """One server, that can be killed, frozen and started again with all that it had."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files."""
        assert BIN
        arguments = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", f"--pgdata={self._data}"]
        subprocess.run([str(BIN / "initdb"), *arguments], check=True, capture_output=True, user=USER)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert BIN
        options = {"port": self.port, "unix_socket_directories": "", "max_connections": 50}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [BIN / "postgres", "-D", self._data, *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=USER,
            cwd="/",
            start_new_session=True,
        )
        wait_until(self._answers, f"PostgreSQL answers on port {self.port}")

    async def new_database(self) -> str:
        """The address of an empty one."""
        name = f"t{secrets.token_hex(6)}"
        connection = await asyncpg.connect(self.url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return self.url.removesuffix("postgres") + name

    def stop(self) -> None:
        """End it; connections are cut."""
        self._signal(signal.SIGINT)
        assert self._process
        self._process.wait(20)

    def freeze(self) -> None:
        """Have it answer nothing, and close nothing."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal_all(signal.SIGCONT)

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def _signal_all(self, number: signal.Signals) -> None:
        """Its backends, too; each is a process of its own, in a session that is ours."""
        assert self._process
        found = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        for pid in [self._process.pid, *map(int, found.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answers(self) -> bool:
        assert BIN
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            command = [str(BIN / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        return False


@contextlib.contextmanager
def postgres_server() -> Iterator[Server]:
    """A server that runs; the test is skipped where there is none."""
    if BIN is None:
        pytest.skip("there is no PostgreSQL server here: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="relay-postgres-"))
    try:
        if USER:
            shutil.chown(folder, USER)
        server = Server(folder, free_port())
        server.make()
        server.start()
        try:
            yield server
        finally:
            if server.running:
                server.thaw()
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
