import os
import time

from edge_proxy import facts
from edge_proxy.core.meter import Figures


async def test_the_process_is_seen_as_it_is() -> None:
    figures = Figures()
    facts.show(figures, process="3")
    values = figures.values
    assert 10e6 < values[("process_resident_memory_bytes", "3")] < 10e9
    assert 3 <= values[("process_open_fds", "3")] < 10_000
    assert values[("token_relay_edge_tasks", "3")] >= 1
    assert 0 < values[("process_cpu_seconds_total",)] <= sum(os.times()[:2])
    assert time.time() - 3600 < values[("process_start_time_seconds", "3")] <= time.time()
