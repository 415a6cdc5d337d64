"""Starts what is measured, and reads from /proc what it cost."""

import os
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str | Path], *, port: int, variables: Mapping[str, str] | None = None, listeners: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; begins when its port takes connections, on so many sockets."""
    environment = os.environ | dict(variables or {})
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would be full, and its writer wait
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
        try:
            _wait_for(server, said, port, listeners)
            yield server
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def descendants(pid: int) -> list[int]:
    """A process and all that it has started, directly or not, and that still run."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return family(pid, parents)


def family(pid: int, parents: Mapping[int, int]) -> list[int]:
    """The process and its descendants, given each process's parent."""
    children = defaultdict(list)
    for child, parent in parents.items():
        children[parent].append(child)
    found = [pid]
    for member in found:  # which grows meanwhile
        found += sorted(children[member])
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def rss_bytes(pids: Sequence[int], *, peak: bool = True) -> int:
    """Resident memory of these processes, at its peak or now."""
    name = "VmHWM:" if peak else "VmRSS:"
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                total += int(line.split()[1]) * 1024
    return total


def listening(port: int, table: str) -> int:
    """How many sockets listen on the port, by what /proc/net/tcp says."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def _wait_for(server: subprocess.Popen[bytes], output: IO[bytes], port: int, listeners: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise RuntimeError(f"{server.args!r} ended at once: {said[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                if listeners == 1 or listening(port, Path("/proc/net/tcp").read_text()) >= listeners:
                    return
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.05)
    raise RuntimeError(f"{server.args!r} did not listen on {port} within {START_LIMIT_S:g} s")
