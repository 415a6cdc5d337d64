"""The rhythm of a real stream. What must hold on any machine is asserted; how well it holds, the benchmark says."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from statistics import median

import pytest

from tests.end_to_end.conftest import Pair
from tests.support.http import Exchange
from tests.support.sse import Event, check_native

STEADY = {"tokens_per_second": 100, "tokens": 150}


async def arrivals(edge: str, request: Mapping[str, object]) -> tuple[float, list[tuple[float, Event]]]:
    """When the request was sent, and its events with their instants."""
    begin = asyncio.get_running_loop().time()
    stream = await Exchange.post(edge, request)
    events = [item async for item in stream.events()]
    stream.close()
    return begin, events


async def test_the_first_token_leaves_at_once_and_the_rest_in_batches(pair: Pair) -> None:
    begin, events = await arrivals(pair.edge, {"prompt": "x", "engine_options": STEADY})
    check_native([event for _, event in events])
    times = [at for at, _ in events]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] - begin < 0.25  # no batch interval in it, nor a tick; the rest is for a busy machine
    assert len(events[0][1].json["delta"].split()) <= 3
    # The writer keeps 50 ms between sends; a busy reader may see two arrive closer, never many.
    assert median(gaps[:-1]) > 0.049
    assert median(gaps[:-1]) < 0.075
    assert len(events) <= 150 / 5 + 2


@pytest.mark.long
async def test_pings_come_every_15_s_whether_or_not_tokens_flow(pair: Pair) -> None:
    """Real time, once: that the arithmetic tested in virtual time is wired to a clock."""
    flowing = {"prompt": "x", "engine_options": {"tokens_per_second": 20, "tokens": 620}}
    waiting = {"prompt": "x", "engine_options": {"first_token_delay_ms": 31_000, "tokens": 3, "tokens_per_second": 50}}
    for begin, events in await asyncio.gather(arrivals(pair.edge, flowing), arrivals(pair.edge, waiting)):
        check_native([event for _, event in events])
        pings = [at - begin for at, event in events if event.name == "ping"]
        assert [round(at) for at in pings] == [15, 30]
        assert events[-1][0] - begin > 30.5
