import os
import time

from inference_worker import facts
from inference_worker.meter import Figures


async def test_the_process_is_seen_as_it_is() -> None:
    figures = Figures()
    facts.show(figures)
    values = figures.values
    assert 10e6 < values[("process_resident_memory_bytes",)] < 10e9
    assert 3 <= values[("process_open_fds",)] < 10_000
    assert values[("token_relay_worker_tasks",)] >= 1
    assert 0 < values[("process_cpu_seconds_total",)] <= sum(os.times()[:2])
    assert time.time() - 3600 < values[("process_start_time_seconds",)] <= time.time()
