"""Where the timer queue meets the event loop's clock: one timer for all streams."""

import asyncio
import logging
from collections.abc import Hashable
from typing import Protocol

from edge_proxy.core.timers import TimerQueue

log = logging.getLogger(__name__)

SLOT_S = 0.005  # streams due within the same 5 ms wake together; a batch interval is ten times that


class Sleeper(Hashable, Protocol):
    """What wants to be woken."""

    def on_timer(self, now: float) -> None:
        """It is at or after the time that was asked for."""


class Ticker:
    """Wakes sleepers. To be made on the event loop that it is used on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: TimerQueue[Sleeper] = TimerQueue(slot_s=SLOT_S)
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The instant that sleepers are woken by."""
        return self._loop.time()

    def add(self, sleeper: Sleeper, at: float) -> None:
        """Wake `sleeper` at `at`, or a few milliseconds after."""
        if self._queue.add(sleeper, at):
            self._arm()

    def remove(self, sleeper: Sleeper, at: float) -> None:
        """Do not wake `sleeper` at `at`, for which it was added."""
        self._queue.remove(sleeper, at)

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        at = self._queue.next()
        self._timer = self._loop.call_at(at, self._fire) if at is not None else None

    def _fire(self) -> None:
        now = self._loop.time()
        for sleeper in self._queue.pop(now):
            try:
                sleeper.on_timer(now)
            except Exception:  # one stream's trouble must not be that of all who share the timer
                log.exception("A stream failed when its timer fired.")
        self._arm()
