"""When a stream asks to be woken, on a clock that the test sets."""

import pytest

from edge_proxy.core.events import Ping
from edge_proxy.downstream.ticker import SLOT_S
from tests.edge_proxy.downstream.hand_ticker import HandTicker
from tests.edge_proxy.downstream.played_stream import INTERVAL_S, Writer, make_stream
from tests.edge_proxy.downstream.played_upstream import STOP
from tests.support.virtual_time import settle


async def test_a_stream_asks_for_each_instant_once() -> None:
    ticker = HandTicker()
    stream, _ = make_stream(ticker=ticker)
    writer = Writer(stream)
    for index in range(1, 100):
        await ticker.go_to(index * 0.0313)
        stream.push("x", index, now=ticker.now())
        await settle()
    writer.task.cancel()
    assert ticker.asked.count(15.0) == 1


async def test_a_timer_that_fires_finds_something_due_however_instants_are_rounded() -> None:
    for milliseconds in range(8000, 8600, 5):  # some of these pings are due just behind their slot's end
        ticker = HandTicker()
        ticker.instant = milliseconds / 1000
        stream, _ = make_stream(ticker=ticker)
        writer = Writer(stream)
        await settle()
        at = ticker.queue.next()  # the first ping's
        assert at is not None
        ticker.instant = at
        (sleeper,) = ticker.queue.pop(at)
        sleeper.on_timer(at)
        await settle()
        writer.task.cancel()
        assert writer.events == [Ping()]


async def test_on_a_clock_of_whole_slots_deltas_are_one_interval_apart() -> None:
    for slot in range(200, 240):
        ticker = HandTicker()
        ticker.instant = slot * SLOT_S
        stream, _ = make_stream(ticker=ticker)
        writer = Writer(stream)
        stream.push("a", 1, now=ticker.now())
        await settle()
        stream.push("b", 2, now=ticker.now())
        await settle()
        writer.task.cancel()
        assert ticker.queue.next() == pytest.approx(ticker.now() + INTERVAL_S)


async def test_the_timers_of_a_stream_that_is_over_fire_into_nothing() -> None:
    ticker = HandTicker()
    stream, _ = make_stream(ticker=ticker)
    writer = Writer(stream)
    stream.push("a", 1, now=ticker.now())
    stream.push("b", 2, now=ticker.now())
    stream.end(STOP, now=ticker.now())
    await writer.task
    asked = list(ticker.asked)
    await ticker.go_to(200.0)
    assert ticker.asked == asked
