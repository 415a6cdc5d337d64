"""Goes through a plan, keeps what it has after each step, and says where it is."""

import sys
import time
from collections.abc import Callable, Sequence

from bench.first_token import first_token
from bench.line_up import FAMILIES, PEERS
from bench.machine import machine
from bench.measure import measure
from bench.peers.base import Unavailable
from bench.peers.edge import Edge
from bench.plan import TABLES, Step
from bench.results import Results, Run

EVERY_PEER = PEERS | FAMILIES


def run(plan: Sequence[Step], keep: Callable[[Results], None]) -> Results:
    """Measure all of the plan.

    Args:
        plan: In this order.
        keep: Called after each step with the results so far.
    """
    named = [name for name in PEERS if any(step.peer == name for step in plan)]
    results = Results(machine=machine(), peers={name: PEERS[name]().what for name in named})
    begin = time.monotonic()
    for number, step in enumerate(plan, 1):
        if step.peer in results.unavailable:
            continue
        minutes, seconds = divmod(int(time.monotonic() - begin), 60)
        _say(f"[{number}/{len(plan)}, {minutes}:{seconds:02}] {step} ... ", end="")
        try:
            _say(_measure(step, results))
        except Unavailable as reason:
            results.unavailable[step.peer] = str(reason)
            _say(f"left out: {reason}")
        keep(results)
    return results


def _measure(step: Step, results: Results) -> str:
    """Add to the results; what to say of it."""
    if step.part == TABLES and step.load.streams == 1:
        results.first_token = first = first_token(Edge())
        return f"first token after {first.edge_p50_ms:.2f} ms, {first.worker_p50_ms:.2f} ms from the worker alone"
    result = measure(EVERY_PEER[step.peer](), step.load)
    results.runs.append(Run(step.part, step.load.text, step.peer, step.round, result))
    ended = f"{result.complete:,} of {step.load.streams:,} streams complete"
    return f"{result.proxy_us_per_token:.1f} µs/token, age p99 {result.age_p99_ms:.0f} ms, {ended}"


def _say(text: str, *, end: str = "\n") -> None:
    """On standard error: what is printed on standard output is the report."""
    print(text, end=end, file=sys.stderr, flush=True)
