"""`check`: does something between here and an edge hold its events back?

An edge paces a stream: its events leave one by one, a batch interval apart. If they arrive in heaps, something on the
way gathers them: a proxy that buffers, a compression, a scanner.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from edge_proxy.client.events import StreamError, stream

INTERVAL_MS = 100
TOGETHER_S = INTERVAL_MS / 1000 / 5  # events that arrive so close were not sent so close
FEW = 5


def verdict(arrivals_s: Sequence[float]) -> tuple[bool, str]:
    """Whether events that were sent INTERVAL_MS apart arrived so, and what to say of it.

    Args:
        arrivals_s: When each arrived, from the request on; the last event, which does not wait, left out.
    """
    if len(arrivals_s) < FEW:
        return True, f"Only {len(arrivals_s)} events came: too few to tell. Ask for a longer answer by --prompt."
    gaps = [later - earlier for earlier, later in pairwise(arrivals_s)]
    together = sum(gap < TOGETHER_S for gap in gaps)
    shape = f"{len(arrivals_s)} events in {arrivals_s[-1]:.1f} s, the first after {1000 * arrivals_s[0]:.0f} ms"
    if together <= len(gaps) / 5:
        return True, f"Nothing buffers: {shape}, {together} of them together with the one before."
    return False, (
        f"Something between here and the edge buffers: {shape}, {together} of them together with the one before. "
        "Turn off buffering and compression there for text/event-stream."
    )


def check(url: str, request: Mapping[str, Any]) -> int:
    """Look at one stream, and say in words what was seen; the exit code: 1 when something buffers, or it failed."""
    arrivals: list[float] = []
    begin = time.monotonic()
    try:
        with stream(url, {**request, "batch_interval_ms": INTERVAL_MS}) as events:
            arrivals += [time.monotonic() - begin for event in events if event.data.get("delta")]
    except StreamError as error:
        print(error, file=sys.stderr)
        return 1
    fine, words = verdict(arrivals[:-1])
    print(words)
    return 0 if fine else 1
