"""Runs a service, as `python -m` does, and has it count what it holds.

    python -m tests.support.counted edge_proxy serve

On SIGUSR1 it prints one line: how many tasks its event loop has, and how many objects Python tracks.
"""

import asyncio
import gc
import os
import runpy
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Service


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    tasks: int
    objects: int  # after a full collection
    descriptors: int
    threads: int
    kilobytes: int  # of memory, resident

    @classmethod
    def by(cls, service: Service, turn: int) -> "Held":
        """What it holds now. `turn` is how often it has been asked before."""
        service.send(signal.SIGUSR1)
        tasks, objects = service.wait_for(rf"counted {turn}: (\d+ \d+)\n").split()
        process = Path(f"/proc/{service.process.pid}")
        fields = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        descriptors = len(os.listdir(process / "fd"))
        return cls(int(tasks), int(objects), descriptors, int(fields["Threads"]), int(fields["VmRSS"].split()[0]))


def main() -> None:
    """Run the module that is named first, with the rest as its arguments."""
    turn = 0

    def count(*_: object) -> None:
        nonlocal turn
        gc.collect()
        # Frozen objects are those of the imports.
        sys.stderr.write(f"counted {turn}: {len(asyncio.all_tasks())} {len(gc.get_objects())}\n")
        turn += 1

    signal.signal(signal.SIGUSR1, count)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
