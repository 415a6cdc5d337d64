"""One peer under one load: what it cost, and what its clients saw."""

import json
import subprocess
import time
from dataclasses import dataclass

from bench.c_program import c_program
from bench.loads import Load
from bench.peers.base import Peer
from bench.processes import cpu_s, rss_bytes

SETTLE_S = 0.5  # after the start, so that what a server does once is not counted
GRACE_S = 10.0  # a peer that falls behind may take so much longer before it is cut off


@dataclass(frozen=True, slots=True)
class Result:
    """Times in milliseconds, CPU in microseconds, memory in MiB. Cores are averages of the run, with ramp and end."""

    proxy_us_per_token: float
    proxy_us_per_event: float
    proxy_cores: float
    worker_us_per_token: float
    worker_cores: float
    client_cores: float
    age_p50_ms: float
    age_p99_ms: float
    age_max_ms: float
    late_streams: int  # streams with a token older than 250 ms
    gap_p50_ms: float
    gap_p99_ms: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    peak_rss_mib: float
    kib_per_stream: float
    complete: int
    errors: int


def measure(peer: Peer, load: Load) -> Result:
    """Run the load against the peer, once.

    Raises:
        Unavailable: The peer can not run here.
    """
    client = c_program("load")
    with peer.running(load) as running:
        time.sleep(SETTLE_S)
        proxy, worker = cpu_s(running.proxy_pids), cpu_s(running.worker_pids)
        idle = rss_bytes(running.proxy_pids, peak=False)
        wanted = [str(running.port), str(load.streams), f"{load.ramp_s:g}", f"{load.seconds + GRACE_S:g}", running.path]
        done = subprocess.run([client, "127.0.0.1", *wanted], input=running.body, capture_output=True, check=True)
        seen = json.loads(done.stdout)
        proxy, worker = cpu_s(running.proxy_pids) - proxy, cpu_s(running.worker_pids) - worker
        peak = rss_bytes(running.proxy_pids)
    tokens, events, seconds = max(1, seen["tokens"]), max(1, seen["events"]), seen["seconds"]
    return Result(
        proxy_us_per_token=1e6 * proxy / tokens,
        proxy_us_per_event=1e6 * proxy / events,
        proxy_cores=proxy / seconds,
        worker_us_per_token=1e6 * worker / tokens,
        worker_cores=worker / seconds,
        client_cores=seen["client_cpu_s"] / seconds,
        peak_rss_mib=peak / 2**20,
        kib_per_stream=(peak - idle) / 1024 / load.streams,
        **{name: seen[name] for name in Result.__dataclass_fields__ if name in seen},
    )
