"""Compiles the benchmark's C programs."""

import os
import shutil
from pathlib import Path

from bench.build import BUILT, fresh, run
from bench.peers.base import Unavailable
from bench.processes import ROOT


def c_program(name: str) -> Path:
    """The program of bench/`name`.c.

    Raises:
        Unavailable: There is no C compiler.
    """
    if not shutil.which("cc"):
        raise Unavailable("There is no C compiler; apt install gcc libc6-dev")
    source, target = ROOT / f"bench/{name}.c", BUILT / name
    return fresh(target, [source], lambda: run(["cc", "-O2", "-o", target, source], variables=os.environ))
