"""Makes what the benchmark needs and Python is not, in bench/.build/, again only when its sources have changed."""

import hashlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.peers.base import Unavailable
from bench.processes import ROOT

BUILT = ROOT / "bench/.build"
SAID_CHARS = 600  # the end of what a failed tool said, enough to see what is wrong


def fresh(target: Path, sources: Sequence[Path], make: Callable[[], None]) -> Path:
    """Call `make`, which writes `target`, unless it did so before from the same sources.

    Args:
        target: A file in BUILT.
        sources: The files whose content decides; not their times, which a checkout changes.
        make: Called with BUILT in place.

    Returns:
        The target.
    """
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    made_from = BUILT / f"{target.name}.sources"
    if target.exists() and made_from.exists() and made_from.read_text() == digest:
        return target
    BUILT.mkdir(exist_ok=True)
    made_from.unlink(missing_ok=True)  # a make that fails halfway leaves nothing that looks fresh
    make()
    made_from.write_text(digest)
    return target


def run(command: Sequence[str | Path], *, variables: Mapping[str, str]) -> None:
    """Run a tool that is there.

    Args:
        command: The tool and its arguments.
        variables: The whole environment.

    Raises:
        Unavailable: It failed: what it makes can not be made here.
    """
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{Path(command[0]).name} failed: {done.stderr.strip()[-SAID_CHARS:]}")
