import os
import subprocess
import sys

from bench.processes import descendants, family, listening

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1
"""


def test_a_family_has_children_and_their_children_and_nobody_else() -> None:
    assert family(10, {10: 1, 12: 10, 11: 10, 13: 11, 20: 1, 21: 20}) == [10, 11, 12, 13]
    assert family(10, {}) == [10]


def test_descendants_are_those_that_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid in descendants(os.getpid())
        assert descendants(child.pid) == [child.pid]
    finally:
        child.communicate(b"\n")
    assert child.pid not in descendants(os.getpid())


def test_sockets_that_listen_are_counted_by_port() -> None:
    assert listening(8080, TABLE) == 2
    assert listening(8081, TABLE) == 1
    assert listening(8082, TABLE) == 0
