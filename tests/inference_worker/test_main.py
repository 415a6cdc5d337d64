import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference_worker.__main__ import main
from inference_worker.settings import Settings
from tests.support import processes
from tests.support.http2 import OPENED, frame
from tests.support.raw import Raw

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def interrupts_are_ours_again() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["inference_worker", "--engine", "scripted", *arguments])
    return main()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        pytest.param(
            ["--port", "http"],
            2,
            "WORKER_PORT: Input should be a valid integer, unable to parse string as an integer (given: 'http')",
            id="no number",
        ),
        pytest.param(
            ["--engine", "other"],
            2,
            "WORKER_ENGINE: the engines are llamacpp, scripted, openai (given: 'other')",
            id="no such engine",
        ),
        pytest.param(
            ["--engine-options", "colour=red"],
            2,
            "WORKER_ENGINE_OPTIONS: The scripted engine's options are tokens_per_second, tokens, "
            "first_token_delay_ms, fail_at, stall_at, stamp, echo, reasoning, tool_call, text, media.",
            id="no such option",
        ),
        pytest.param(
            ["--engine", "llamacpp", "--model", "/nowhere.gguf"],
            1,
            "There is no model file /nowhere.gguf.",
            id="no such model",
        ),
    ],
)
def test_what_prevents_a_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, complaint: str
) -> None:
    assert run(monkeypatch, *arguments) == code
    assert capsys.readouterr().err == f"inference_worker: {complaint}\n"


def test_help_lists_every_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "--help")
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert [name for name in Settings.model_fields if f"--{name.replace('_', '-')} " not in text] == []


def run_apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: a start that fails late leaves things behind that only an exit takes away."""
    command = [sys.executable, "-m", "inference_worker", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_port_that_is_taken_prevents_a_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_apart("--engine", "scripted", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.endswith(f"inference_worker: 127.0.0.1:{port} can not be listened on\n")


def test_a_file_that_is_no_model_prevents_a_start() -> None:
    done = run_apart("--port", "0", "--model", __file__)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("inference_worker: ")


def test_who_reaches_the_port_writes_nothing_of_its_own_into_the_log() -> None:
    """An HTTP/2 connection may say why it ends; gRPC would print that as it is."""
    last_stream, error = bytes(4), b"\0\0\0\2"  # RFC 9113, section 6.8
    goaway = frame(7, 0, 0, last_stream + error + b"its\nwords")
    with processes.worker() as (address, service):
        with Raw(address, OPENED + goaway) as peer:
            peer.socket.shutdown(socket.SHUT_WR)
            peer.read_to_end()
        assert "words" not in service.output()
