"""How far batch intervals are stretched when the process has more to do than it can.

An event costs the same however much text it holds, so fewer and fuller ones are the way to keep up: too much work costs
smoothness then, and no delay that grows. The factor is raised a little at every look that finds the process behind, and
lowered a little at every look that does not; what it changes is what the next look sees, so it settles.
"""

FULL = 0.85  # of a core: so busy it may be
LATE_S = 0.025  # and so late may its timers be: half a batch interval
MAX_RISE = 1.10  # at one look
MAX_FALL = 0.95


class Stretch:
    """The factor, and what moves it: from 1 to `max_factor`."""

    def __init__(self, *, max_factor: float) -> None:
        self.factor = 1.0
        self._max_factor = max_factor

    def look(self, *, busy: float, lag_s: float) -> float:
        """The new factor.

        Args:
            busy: CPU seconds per second since the last look.
            lag_s: How late a timer fired.
        """
        pressure = max(busy / FULL, lag_s / LATE_S)
        self.factor *= min(max(pressure, MAX_FALL), MAX_RISE)
        self.factor = min(max(self.factor, 1.0), self._max_factor)
        return self.factor
