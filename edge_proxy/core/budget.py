"""How many retries there may be: a part of the requests, so that trouble is not multiplied by those who try again."""


class RetryBudget:
    """Earned by requests, spent by retries.

    Args:
        ratio: What each request earns, in retries.
        burst: So many can be saved up; there are so many at first.
    """

    def __init__(self, *, ratio: float = 0.1, burst: float = 10.0) -> None:
        self._ratio = ratio
        self._burst = burst
        self._saved = burst

    def earn(self) -> None:
        """There was a request."""
        self._saved = min(self._burst, self._saved + self._ratio)

    def spend(self) -> bool:
        """Whether there may be a retry now."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
