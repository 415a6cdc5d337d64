"""What the system says of this process."""

import asyncio
import os
import time
from pathlib import Path

from edge_proxy.core.meter import Figures

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STARTED_S = time.time()  # of these very lines: close enough to the process's own
SELF = Path("/proc/self")


def show(figures: Figures, *, process: str) -> None:
    """Put it into the figures; to be called on the event loop. Elsewhere than on Linux there is less of it."""
    times = os.times()
    figures.count("process_cpu_seconds_total", times.user + times.system)
    figures.gauge("process_start_time_seconds", STARTED_S, process)
    figures.gauge("tasks", len(asyncio.all_tasks()), process)
    try:
        pages = int((SELF / "statm").read_text().split()[1])
        files = len(os.listdir(SELF / "fd"))
    except OSError:
        return
    figures.gauge("process_resident_memory_bytes", pages * PAGE_BYTES, process)
    figures.gauge("process_open_fds", files, process)
