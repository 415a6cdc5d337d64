"""Looks at the process itself, a few times a second: how busy it is, and how late its timers are."""

import asyncio
import time
from collections.abc import Callable

PERIOD_S = 0.25


class Probe:
    """Calls `on_look(busy=, lag_s=)` every `PERIOD_S`: CPU seconds per second, and how late this very call is.

    To be made on the event loop that it is about.
    """

    def __init__(self, on_look: Callable[..., object]) -> None:
        self._on_look = on_look
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._clocks = (0.0, 0.0)

    def start(self) -> None:
        """Look from now on."""
        self._clocks = time.monotonic(), time.process_time()
        self._timer = self._loop.call_later(PERIOD_S, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        (wall, cpu), self._clocks = self._clocks, (time.monotonic(), time.process_time())
        passed_s = self._clocks[0] - wall
        self._on_look(busy=(self._clocks[1] - cpu) / passed_s, lag_s=max(0.0, passed_s - PERIOD_S))
        self._timer = self._loop.call_later(PERIOD_S, self._look)
