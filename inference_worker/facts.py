"""What the system says of this process."""

import asyncio
import os
import time
from pathlib import Path

from inference_worker.meter import Figures

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STARTED_S = time.time()  # of these very lines: close enough to the process's own
SELF = Path("/proc/self")


def show(figures: Figures) -> None:
    """Put it into the figures; to be called on the event loop. Elsewhere than on Linux there is less of it."""
    times = os.times()
    figures.set("process_cpu_seconds_total", times.user + times.system)
    figures.set("process_start_time_seconds", STARTED_S)
    figures.set("tasks", len(asyncio.all_tasks()))
    try:
        pages = int((SELF / "statm").read_text().split()[1])
        files = len(os.listdir(SELF / "fd"))
    except OSError:
        return
    figures.set("process_resident_memory_bytes", pages * PAGE_BYTES)
    figures.set("process_open_fds", files)
