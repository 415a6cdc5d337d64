"""Whether a process is so far behind that it had better take on nothing new.

What counts is the median of the last looks: one that is late by itself (a pause of the machine, a large collection)
changes nothing, and neither does one that is in time while the process is behind.

    TIMELY -- median > max_lag_s --> LATE -- median < max_lag_s / 2 --> TIMELY
"""

from collections import deque
from statistics import median

LOOKS = 5
CALM = 0.5  # of the limit: so far it must fall before new work is taken again, or the first of it would end that


class Lateness:
    """Late or not, by how late timers fire.

    Args:
        max_lag_s: So late may they be.
    """

    def __init__(self, *, max_lag_s: float) -> None:
        self.late = False
        self._max_lag_s = max_lag_s
        self._lags = deque([0.0] * LOOKS, maxlen=LOOKS)

    def look(self, *, lag_s: float) -> bool:
        """Whether it is late, now that a timer has fired `lag_s` too late."""
        self._lags.append(lag_s)
        self.late = median(self._lags) > self._max_lag_s * (CALM if self.late else 1)
        return self.late
