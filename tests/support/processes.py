"""The two services as real processes, on free ports."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
START_LIMIT_S = 30.0
FIXED_PORTS, FIXED_PORTS_EACH = 20_000, 3_000  # below 32,768, where Linux begins to take ports for connections


def clean_environment() -> dict[str, str]:
    """Ours, without what is set for us: a developer's settings, and buffering that users do not turn off."""
    foreign = ("WORKER_", "EDGE_", "OTEL_", "PYTHONUNBUFFERED")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def wait_until(condition: Callable[[], object], what: str, *, limit_s: float = START_LIMIT_S) -> None:
    """Poll until the condition holds; fail, saying for what, when it does not in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


class Service:
    """One process of ours, and what it logs."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self._log = tempfile.TemporaryFile("a+", errors="backslashreplace")  # noqa: SIM115 - closed by stop(); appended to wherever we read
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=clean_environment() | variables,
            stderr=self._log,
            stdout=self._log,
        )

    def output(self) -> str:
        """All that it has said so far."""
        self._log.seek(0)
        return self._log.read()

    def wait_for(self, pattern: str) -> str:
        """The first group of the pattern, once its output has it."""

        def found() -> re.Match[str] | None:
            assert self.process.poll() is None, f"it ended by itself:\n{self.output()}"
            return re.search(pattern, self.output())

        wait_until(found, f"{pattern} in the output of {self.process.args!r}")
        match = found()
        assert match
        return match[1]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it, if it has not ended, and forget its output; the exit code."""
        if self.process.poll() is None:
            self.send(signal.SIGINT)  # which drains nothing: a test that has failed may have left streams behind
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self._log.close()


@contextlib.contextmanager
def worker(*, through: Sequence[str] = (), **variables: str) -> Iterator[tuple[str, Service]]:
    """A worker process with the scripted engine, unless told otherwise; its address and itself.

    `through` names a module that runs it, as `python -m` would: see `counted`.
    """
    given = {"WORKER_ENGINE": "scripted", "WORKER_PORT": "0", "WORKER_METRICS_PORT": "0"} | variables
    service = Service("-m", *through, "inference_worker", **given)
    try:
        yield service.wait_for(r'serves \S+ on ([^\s"]+)\.["\n]'), service
    finally:
        service.stop()


@contextlib.contextmanager
def edge(*workers: str, through: Sequence[str] = (), **variables: str) -> Iterator[tuple[str, Service]]:
    """An edge process before these workers, once it is ready; its address and itself. `through` as above.

    A machine that is busy with other things is no reason for it to refuse streams: only tests of that say how late
    it may be.
    """
    given = {"EDGE_WORKERS": ",".join(workers), "EDGE_PORT": "0", "EDGE_METRICS_PORT": "0", "EDGE_MAX_LAG_MS": "60000"}
    given |= variables
    service = Service("-m", *through, "edge_proxy", "serve", **given)
    try:
        address = service.wait_for(r'serves http://([^\s"]+)["\n]')
        wait_until(lambda: is_ready(address), f"the edge at {address} is ready")
        yield address, service
    finally:
        service.stop()


def free_port() -> int:
    """A port that nothing listens on, for a service that is to be started there, and again where it was.

    Out of those that the system gives to nobody by itself, and of a range for each process of tests, because one that
    is free now is to be so in a moment, too.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    begin = FIXED_PORTS + number % 4 * FIXED_PORTS_EACH
    while True:
        port = begin + secrets.randbelow(FIXED_PORTS_EACH)
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port


def ready_workers(address: str) -> int:
    """How many workers an edge has that take streams."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as response:
            workers: int = json.load(response)["workers"]
            return workers
    except (urllib.error.URLError, OSError):
        return 0


def is_ready(address: str) -> bool:
    """Whether an edge says that it can take streams."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
