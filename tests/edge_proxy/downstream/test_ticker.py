import asyncio
import random

import pytest

from edge_proxy.downstream.ticker import SLOT_S, Ticker
from tests.support.virtual_time import VirtualTimeLoop, in_virtual_time, now, until

ROUNDING_S = 1e-6


class Sleeper:
    """Notes when it was woken, and may ask again."""

    def __init__(self, ticker: Ticker, *, again_s: float = 0.0, times: int = 0) -> None:
        self.woken: list[float] = []
        self._ticker = ticker
        self._again_s = again_s
        self._times = times

    def on_timer(self, now: float) -> None:
        self.woken.append(now)
        if len(self.woken) < self._times:
            self._ticker.add(self, now + self._again_s)


@in_virtual_time
async def test_now_is_the_event_loops_clock() -> None:
    await asyncio.sleep(5)
    assert Ticker().now() == now() > 5


@in_virtual_time
async def test_a_sleeper_is_woken_when_it_asked_or_within_a_slot_after() -> None:
    ticker = Ticker()
    sleeper = Sleeper(ticker)
    ticker.add(sleeper, 1.002)
    await until(1.0019)
    assert sleeper.woken == []
    await until(1.002 + SLOT_S)
    assert sleeper.woken == [pytest.approx(1.005)]


@in_virtual_time
async def test_who_asks_for_an_earlier_time_is_not_kept_waiting_by_who_was_first() -> None:
    ticker = Ticker()
    late, early = Sleeper(ticker), Sleeper(ticker)
    ticker.add(late, 10.0)
    ticker.add(early, 1.0)
    await until(2)
    assert early.woken == [pytest.approx(1.0)]
    assert late.woken == []
    await until(11)
    assert late.woken == [pytest.approx(10.0)]


@in_virtual_time
async def test_who_asks_for_the_past_is_woken_at_once() -> None:
    ticker = Ticker()
    await until(3)
    sleeper = Sleeper(ticker)
    ticker.add(sleeper, 1.0)
    await asyncio.sleep(0.001)
    assert sleeper.woken == [pytest.approx(3.0)]


@in_virtual_time
async def test_a_sleeper_may_ask_again_when_it_is_woken() -> None:
    ticker = Ticker()
    sleeper = Sleeper(ticker, again_s=0.1, times=4)
    ticker.add(sleeper, 0.1)
    await until(1)
    assert sleeper.woken == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=SLOT_S)


@in_virtual_time
async def test_a_thousand_sleepers_are_each_woken_once_in_time() -> None:
    ticker, dice = Ticker(), random.Random(7)
    sleepers = [(dice.uniform(0, 2), Sleeper(ticker)) for _ in range(1000)]
    for at, sleeper in sleepers:
        ticker.add(sleeper, at)
    await until(3)
    for at, sleeper in sleepers:
        (woken,) = sleeper.woken
        assert at - ROUNDING_S <= woken <= at + SLOT_S + ROUNDING_S


@in_virtual_time
async def test_one_timer_serves_all_sleepers() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    ticker = Ticker()
    for hundredths in range(100, 0, -1):
        ticker.add(Sleeper(ticker), hundredths / 100)
    assert loop.timers() == 1
    await asyncio.sleep(0.5)
    assert loop.timers() == 1
    await asyncio.sleep(0.6)
    assert loop.timers() == 0


@in_virtual_time
async def test_a_sleeper_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Sleeper):
        def on_timer(self, now: float) -> None:
            raise RuntimeError("broken")

    ticker = Ticker()
    same, later = Sleeper(ticker), Sleeper(ticker)
    ticker.add(Failing(ticker), 1.0)
    ticker.add(same, 1.0)
    ticker.add(later, 2.0)
    await until(3)
    assert (len(same.woken), len(later.woken)) == (1, 1)
    assert "broken" in caplog.text
