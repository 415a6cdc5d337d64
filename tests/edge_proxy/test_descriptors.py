"""Open files, counted by processes that have limits of their own."""

import subprocess
import sys

import pytest

from edge_proxy.descriptors import SPARE
from tests.support.processes import ROOT

PROGRAM = """
import resource, sys
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from edge_proxy.descriptors import make_room
print(make_room(connections), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def room(soft: int, hard: int, connections: int) -> tuple[int, int, int, str]:
    """What there is room for under these limits, the limits after, and what was said."""
    arguments = [sys.executable, "-c", PROGRAM, *map(str, (soft, hard, connections))]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    connections, soft, hard = map(int, done.stdout.split())
    return connections, soft, hard, done.stderr


def test_the_limit_is_raised_as_far_as_needed() -> None:
    connections, soft, hard, said = room(100, 1000, 300)
    assert (connections, hard, said) == (300, 1000, "")
    assert 300 + SPARE < soft < 1000


def test_it_is_not_lowered() -> None:
    assert room(900, 1000, 10) == (10, 900, 1000, "")


@pytest.mark.parametrize("hard", [200, 80])
def test_where_it_can_not_be_raised_far_enough_there_is_less_room_and_that_is_said(hard: int) -> None:
    connections, soft, _, said = room(60, hard, 300)
    assert 1 <= connections <= hard - SPARE
    assert soft == hard
    assert f"This process may open {hard} files: it takes {connections} connections, not 300." in said


def test_one_connection_is_taken_whatever_the_limit() -> None:
    assert room(40, 40, 300)[0] == 1
