"""A worker that fails everything beside one that does not, as real processes."""

import asyncio
import time
from itertools import pairwise

import pytest

from tests.support import processes
from tests.support.http import Exchange

BAD = "fail_at=0"
GOOD = "tokens=3,tokens_per_second=0"
BACK_S = 10.0
PAUSE_S = 0.4  # the first is a second, and a part of it by chance: see the breaker
PERIOD_S = 0.05  # between two requests: twenty a second


async def ask(edge: str) -> tuple[bool, str]:
    """Whether a generation ended well, and the worker that it was given to."""
    exchange = await Exchange.post(edge, {"prompt": "x"})
    owner = exchange.headers["x-generation-id"].partition("-")[0]
    return b'"isFinal":true' in await exchange.body(), owner


async def failures_of(edge: str, seconds: float) -> list[float]:
    """When those of a steady row of requests ended that did not end well."""
    until, failed, asked = time.monotonic() + seconds, [], 0
    while time.monotonic() < until:
        asked += 1
        if not (await ask(edge))[0]:
            failed.append(time.monotonic())
        await asyncio.sleep(PERIOD_S)
    assert asked > 50
    return failed


async def test_a_bad_worker_gets_a_handful_and_is_back_soon_after_it_is_replaced() -> None:
    with (
        processes.worker(WORKER_ID="good", WORKER_ENGINE_OPTIONS=GOOD) as (good, _),
        processes.worker(WORKER_ID="bad", WORKER_ENGINE_OPTIONS=BAD) as (bad, service),
        processes.edge(good, bad) as (edge, _),
    ):
        failed = await failures_of(edge, 10)
        assert 3 <= len(failed) <= 9, "three, and then one at the end of each pause"
        assert all(after - before > PAUSE_S for before, after in pairwise(failed[2:])), "it is set aside at once"
        service.stop()
        port = bad.rpartition(":")[2]
        with processes.worker(WORKER_ID="healed", WORKER_PORT=port, WORKER_ENGINE_OPTIONS=GOOD):
            begin = time.monotonic()
            while (answer := await ask(edge)) != (True, "healed"):
                assert time.monotonic() - begin < BACK_S, answer
                await asyncio.sleep(PERIOD_S)
            owners = [await ask(edge) for _ in range(20)]
            assert {owner for _, owner in owners} == {"good", "healed"}
            assert all(well for well, _ in owners)


@pytest.mark.long
async def test_a_worker_that_stalls_is_set_aside() -> None:
    with (
        processes.worker(WORKER_ID="good", WORKER_ENGINE_OPTIONS=GOOD) as (good, _),
        processes.worker(WORKER_ID="mute", WORKER_ENGINE_OPTIONS="stall_at=1") as (mute, _),
        processes.edge(good, mute, EDGE_GAP_TIMEOUT_S="0.2") as (edge, _),
    ):
        failed = await failures_of(edge, 10)
        assert 3 <= len(failed) <= 12, "three, and then as many for each trial, whose first text is there"


@pytest.mark.long
async def test_a_worker_that_clients_do_not_wait_for_is_not_set_aside() -> None:
    with (
        processes.worker(WORKER_ID="good", WORKER_ENGINE_OPTIONS=GOOD) as (good, _),
        processes.worker(WORKER_ID="slow", WORKER_ENGINE_OPTIONS="first_token_delay_ms=400,tokens=1") as (slow, _),
        processes.edge(good, slow) as (edge, _),
    ):
        late = 0
        for _ in range(60):
            exchange = await Exchange.post(edge, {"prompt": "x", "first_token_timeout_s": 0.2})
            late += b"TIMEOUT" in await exchange.body()
        assert late >= 15, "about half of them, as both have room"


async def test_a_bad_worker_that_is_the_only_one_is_still_asked() -> None:
    with processes.worker(WORKER_ENGINE_OPTIONS=BAD) as (bad, _), processes.edge(bad) as (edge, _):
        for _ in range(10):
            exchange = await Exchange.post(edge, {"prompt": "x"})
            assert (exchange.status, b"GENERATION_ERROR" in await exchange.body()) == (200, True)
