import os
import re
import signal
import subprocess
import sys
import time

import pytest

from edge_proxy.client.commands import COMMANDS, run_chat, run_check, run_models
from tests.end_to_end.conftest import Pair
from tests.support import processes


def test_models_are_listed(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_models(["--url", f"http://{pair.edge}"]) == 0
    assert capsys.readouterr().out == "scripted\n"


@pytest.mark.parametrize("run", COMMANDS.values(), ids=COMMANDS)
def test_an_edge_that_is_not_there_is_said_in_a_line(run: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(run)
    arguments = ["Hello", "--url", "http://127.0.0.1:9"] if run is run_chat else ["--url", "http://127.0.0.1:9"]
    assert run(arguments) == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err


def test_check_takes_the_address_as_it_is(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check([f"http://{pair.edge}", "--prompt", "x"]) == 0
    assert "Nothing buffers" in capsys.readouterr().out


def test_options_reach_the_worker(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_chat(["Hello", "--url", f"http://{pair.edge}", "--max-tokens", "2", "--seed", "1"]) == 0
    assert re.search(r"2 out \(length\)", capsys.readouterr().err)


def test_ctrl_c_stops_the_generation_and_not_with_a_traceback(pair: Pair) -> None:
    command = [sys.executable, "-m", "edge_proxy", "chat", "Hello", "--url", f"http://{pair.edge}"]
    client = subprocess.Popen(
        command, cwd=processes.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    assert client.stdout
    assert client.stdout.read(1), "the first words are shown while the rest is made"
    client.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, errors = client.communicate(timeout=10)
    assert client.returncode == 130
    assert b"stopped" in errors
    assert b"Traceback" not in errors
    assert time.monotonic() - begin < 2
