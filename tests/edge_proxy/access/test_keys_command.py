import json
import time

import pytest

from edge_proxy.access.keys import Keys, read_lines
from edge_proxy.access.keys_command import run_keys
from edge_proxy.core.caller import Limits


def test_the_key_and_its_line_are_all_that_a_script_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_keys(["new", "laptop", "--owner", "alice", "--streams", "4", "--days", "30"]) == 0
    key, line = capsys.readouterr().out.splitlines()
    caller = Keys(read_lines(line)).find(key, unix_s=time.time())
    assert caller
    assert (caller.owner, caller.limits) == ("alice", Limits(streams=4))
    assert caller.expires_unix_s == pytest.approx(time.time() + 30 * 86_400, abs=60)


def test_what_is_not_given_is_not_stored(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_keys(["new", "laptop"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[1])
    assert set(line) == {"id", "name", "owner", "sha256"}


@pytest.mark.parametrize("arguments", [["new", "two words"], ["new", "x", "--days", "999999999"]])
def test_what_can_not_be_stored_makes_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_keys(arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [[], ["new"], ["new", "x", "--streams", "-1"], ["old", "x"]])
def test_another_command_line_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_keys(arguments)
    assert "usage: python -m edge_proxy keys" in capsys.readouterr().err
