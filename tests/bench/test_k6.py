"""The k6 script, against the real pair: it passes what is well, and fails what is not."""

import re
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support import processes

K6 = Path(sys.executable).parent / "k6"
THRESHOLDS_CROSSED = 99  # k6's exit code

CUT = b"""HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: stream opened

event: message
id: g.1
data: {"delta":"Hel"""

pytestmark = pytest.mark.skipif(not K6.exists(), reason="k6 is not installed: make .venv/bench")


def k6(address: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A short run of the script."""
    given = {"EDGE_URL": f"http://{address}", "VUS": "5", "DURATION": "2s", "TOKENS": "20", "RATE": "50"} | settings
    options = [argument for name, value in given.items() for argument in ("-e", f"{name}={value}")]
    command = [str(K6), "run", "--no-usage-report", "--no-color", *options, "bench/k6/stream.js"]
    return subprocess.run(command, cwd=processes.ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_streams_that_are_well_pass() -> None:
    with processes.worker() as (worker, _), processes.edge(worker) as (address, _):
        done = k6(address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"checks_succeeded\D+100\.00%", done.stdout), done.stdout


def test_streams_that_end_in_an_error_do_not() -> None:
    with (
        processes.worker(WORKER_ENGINE_OPTIONS="fail_at=3") as (worker, _),
        processes.edge(worker) as (address, _),
    ):
        done = k6(address)
    assert done.returncode == THRESHOLDS_CROSSED, done.stdout + done.stderr
    assert "✗ no error event" in done.stdout  # a tick stands before one that held
    assert "stream_success" in done.stderr


class _Cuts(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.connection.recv(65536)
        time.sleep(0.1)  # or one user would be a busy loop
        self.wfile.write(CUT)


def test_streams_that_are_cut_within_an_event_do_not() -> None:
    # What can not be parsed must count as failed: k6 takes thresholds without samples for met.
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Cuts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = k6(f"127.0.0.1:{server.server_address[1]}", VUS="1", DURATION="1s")
        server.shutdown()
    assert done.returncode == THRESHOLDS_CROSSED, done.stdout + done.stderr
    assert "stream_success" in done.stderr
