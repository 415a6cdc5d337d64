import http.server
import socket
import subprocess
import sys
import threading

import pytest

from edge_proxy import health
from tests.support import processes


def command(**variables: str) -> tuple[int, str]:
    """The command's exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_proxy", "health"],
        env=processes.clean_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_an_edge_that_answers_is_healthy() -> None:
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, _):
        assert command(EDGE_PORT=edge.rpartition(":")[2]) == (0, "")


def test_one_that_is_not_there_is_not_healthy() -> None:
    port = str(processes.free_port())
    code, said = command(EDGE_PORT=port)
    assert code == 1
    assert said.startswith(f"edge_proxy: 127.0.0.1:{port} does not answer: ConnectionRefusedError")


def test_one_that_listens_and_says_nothing_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert health.ask("0.0.0.0", port) == f"127.0.0.1:{port} does not answer: TimeoutError('timed out')"  # noqa: S104


def test_one_that_answers_otherwise_is_not_healthy() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)  # which can do nothing: 501
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    assert health.ask("127.0.0.1", server.server_port) == f"127.0.0.1:{server.server_port} says 501"
    thread.join()
    server.server_close()
