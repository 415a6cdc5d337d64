"""A ticker that the test moves."""

from edge_proxy.core.timers import TimerQueue
from edge_proxy.downstream.ticker import SLOT_S, Sleeper, Ticker
from tests.support.virtual_time import settle

ROUNDING_S = 1e-6


class HandTicker(Ticker):
    """A ticker without a clock: the test says what time it is. Notes which instants it was asked for."""

    def __init__(self) -> None:
        self.instant = 0.0
        self.queue: TimerQueue[Sleeper] = TimerQueue(slot_s=SLOT_S)
        self.asked: list[float] = []

    def now(self) -> float:
        return self.instant

    def add(self, sleeper: Sleeper, at: float) -> None:
        self.asked.append(at)
        self.queue.add(sleeper, at)

    def remove(self, sleeper: Sleeper, at: float) -> None:
        self.queue.remove(sleeper, at)

    async def go_to(self, instant: float) -> None:
        """Let time pass up to that instant, each timer on its time."""
        while (at := self.queue.next()) is not None and at <= instant:
            self.instant = max(at, self.instant) + ROUNDING_S  # clocks do not stand still
            for sleeper in self.queue.pop(self.instant):
                sleeper.on_timer(self.instant)
            await settle()
        self.instant = instant
