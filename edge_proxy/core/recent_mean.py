"""The mean of what a histogram was given lately, by its sum and count at instants that somebody notes."""

from collections import deque

SPAN_S = 30.0  # what "lately" is


class RecentMean:
    """Of one histogram, or of several together. Instants are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int, float]] = deque([(float("-inf"), 0, 0.0)])

    def note(self, count: int, total: float, *, now: float) -> None:
        """So many values it has, and they sum up to so much."""
        self._noted.append((now, count, total))
        while len(self._noted) > 1 and self._noted[1][0] <= now - SPAN_S:
            self._noted.popleft()

    @property
    def mean(self) -> float | None:
        """Of the values of the last half minute; None if there were none."""
        (_, old_count, old_total), (_, count, total) = self._noted[0], self._noted[-1]
        return (total - old_total) / (count - old_count) if count > old_count else None
