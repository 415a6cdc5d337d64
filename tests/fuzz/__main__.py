"""`python -m tests.fuzz [target ...] --seconds 60` runs the fuzzer, on all targets unless some are named.

Each gets a process of its own. What makes one fail is written to `tests/fuzz/.found/<target>/`, beside what was worth
keeping for the next time; `--input <file>` tries one such file again.
"""

import argparse
import contextlib
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import Fuzzed, fuzzed_worker
from tests.support.processes import ROOT, clean_environment

FOUND = Path(__file__).parent / ".found"
WORKER_TARGETS = ("worker_calls", "worker_port")  # see `worker_targets.targets`
GRACE_S = 120  # to begin, and to say what was found
EXECUTIONS = re.compile(r"stat::number_of_executed_units: (\d+)")
SHOWN_CHARS = 6_000


def main() -> int:
    """The exit code: 1 where a target has failed."""
    known = [*TARGETS, *WORKER_TARGETS]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Run the fuzzer.")
    parser.add_argument("targets", nargs="*", metavar="target", help=f"one of {', '.join(known)}; none: all of them")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--input", type=Path, help="try this file instead, on one target")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(known):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    failed = [name for name in given.targets or known if not _holds(name, given.seconds, given.input)]
    return 1 if failed else 0


def _holds(name: str, seconds: int, found: Path | None) -> bool:
    if name in TARGETS:
        return _run(name, seconds, found)
    with fuzzed_worker() as worker:
        return _run(name, seconds, found, worker.address) and _is_well(name, worker)


def _is_well(name: str, worker: Fuzzed) -> bool:
    try:
        worker.check()
    except AssertionError as error:
        print(f"{name}: the worker is not as before.\n{error}")
        return False
    return True


def _run(name: str, seconds: int, found: Path | None, *address: str) -> bool:
    """Whether the fuzzer has found nothing; it says how much it has tried."""
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.fuzzing", name, str(seconds), str(found or folder), *address]
    said, code = "", -1
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(),
            timeout=seconds + GRACE_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            check=False,
        )
        said, code = done.stdout, done.returncode
    executions = EXECUTIONS.search(said)
    if executions:  # not of a single input
        print(f"{name}: {int(executions[1]):,} executions in {seconds} s", flush=True)
    if code:
        print(f"{name} fails:\n{said[-SHOWN_CHARS:]}", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
