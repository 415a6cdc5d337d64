"""One run of the fuzzer, atheris, in a process of its own: it ends the process when it has finished or found something.

python -m tests.fuzz.fuzzing <target> <seconds> <folder, or file> [<address of a worker>]

What it finds is written into the folder, and what was worth keeping is read from there the next time. A file is tried
by itself.
"""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import atheris

UNIT_TIMEOUT_S = 10  # one input never takes a tenth of that
MEMORY_MB = 2048
LONGEST_BYTES = 4096
INVENTED_BYTES = 1500  # enough choices for a call


def invent(data: bytes, max_size: int, seed: int) -> bytes:
    """Anything: of what goes on in another process the fuzzer learns nothing, and has nothing better to go on from."""
    chance = random.Random(seed)
    return chance.randbytes(chance.randint(1, min(max_size, INVENTED_BYTES)))


def main() -> None:
    """Fuzz until the time is over."""
    name, seconds, given, *address = sys.argv[1:]
    with atheris.instrument_imports(include=["edge_proxy"]):
        from tests.fuzz.targets import SEEDS, TARGETS, shaped  # noqa: PLC0415 - so that it is instrumented
    options: dict[str, Any] = {}
    if name in TARGETS:
        target = TARGETS[name]
    else:
        options["custom_mutator"] = invent
        from tests.fuzz.worker_targets import Caller, targets  # noqa: PLC0415 - gRPC's threads are for these alone

        target = targets(Caller(*address))[name]
    place = Path(given)
    arguments = _flags(place, seconds, SEEDS.get(name) or shaped()) if place.is_dir() else [given]
    atheris.Setup([sys.argv[0], *arguments], target, **options)
    atheris.Fuzz()


def _flags(folder: Path, seconds: str, seeds: Sequence[bytes]) -> list[str]:
    """Those of libFuzzer, with the seeds put where it looks for them."""
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed_{number}").write_bytes(seed)
    return [
        str(corpus),
        f"-max_total_time={seconds}",
        f"-timeout={UNIT_TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST_BYTES}",
        "-len_control=0",  # short data makes too few choices for anything
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]


if __name__ == "__main__":
    main()
