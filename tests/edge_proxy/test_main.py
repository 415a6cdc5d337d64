import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_proxy.__main__ import main

ROOT = Path(__file__).resolve().parent.parent.parent


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a start that ends before it serves."""
    monkeypatch.setattr(sys, "argv", ["edge_proxy", *arguments])
    return main()


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command, as a process of its own."""
    command = [sys.executable, "-m", "edge_proxy", "serve", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("EDGE_PORT", "http", r"EDGE_PORT: .*valid integer.* \(given: 'http'\)"),
        ("EDGE_PING_INTERVAL_S", "0", r"EDGE_PING_INTERVAL_S: .*greater than 0.* \(given: '0'\)"),
        ("EDGE_WORKERS", "localhost", r"EDGE_WORKERS: 'localhost' is no host:port \(given: 'localhost'\)"),
        ("EDGE_API_KEYS", "tr_secret", r"the API keys can not be read: line 1: (?!.*tr_secret).*"),
        ("EDGE_WORKERS", "", r"EDGE_WORKERS: name at least one worker \(given: ''\)"),
        ("EDGE_CORS_ORIGINS", "https://" + "x" * 999, None),
        (
            "EDGE_DATABASE_URL",
            "mysql://:secret@h",
            r"EDGE_DATABASE_URL: it begins with none of sqlite:///, postgresql://",
        ),
        ("EDGE_REDIS_URL", "http://:secret@h", r"EDGE_REDIS_URL: it begins with none of redis://, rediss://, unix://"),
    ],
)
def test_a_setting_that_is_wrong_is_named_in_one_line(
    name: str, value: str, complaint: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("EDGE_STOP_TIMEOUT_S", "-1" if complaint is None else "1")
    assert run(monkeypatch, "serve") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(f"edge_proxy: {complaint or 'EDGE_STOP_TIMEOUT_S: .*'}\n", printed.err)


def test_a_long_value_is_cut_short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "serve", "--port", "9" * 10_000) == 2
    assert len(capsys.readouterr().err) < 300


def test_a_flag_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "serve", "--speed", "9")
    assert caught.value.code == 2
    assert "--speed" in capsys.readouterr().err


def test_help_lists_the_settings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "serve", "--help")
    assert caught.value.code == 0
    assert "--batch-interval-ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 2), (["start"], 2), (["--port", "0", "serve"], 2), (["--help"], 0), (["-h"], 0)],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_without_the_command_it_says_how_it_is_used(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == code
    printed = capsys.readouterr()
    said, silent = (printed.err, printed.out) if code else (printed.out, printed.err)
    assert said.startswith("usage: python -m edge_proxy serve")
    assert silent == ""


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert re.fullmatch(rf"edge_proxy: 127\.0\.0\.1:{port} can not be listened on: .*\n", errors)


def test_a_stop_by_signal_exits_with_0() -> None:
    process = start("--port", "0")
    assert process.stderr
    for line in process.stderr:
        if "Edge serves http://127.0.0.1:" in line:
            break
    # The port is open, and signals are handled, as soon as the lifespan has begun.
    port = int(re.findall(r":(\d+)\n", line)[0])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'{"status":"ok"}' in client.makefile("rb").read()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Edge has stopped." in errors
    assert "Traceback" not in errors
