"""How many frames a client may send: so many at once, and so many a second in the long run (a token bucket)."""


class Allowance:
    """One client's.

    Args:
        burst: So many at once, after a while of silence.
        per_s: So many a second, for as long as it likes.
        now: When it begins, full. Instants are seconds on one monotonic clock.
    """

    __slots__ = ("_burst", "_left", "_per_s", "_seen")

    def __init__(self, *, burst: int, per_s: float, now: float) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._left = self._burst
        self._seen = now

    def take(self, *, now: float) -> bool:
        """Whether one more is allowed; it is counted if so."""
        self._left = min(self._burst, self._left + (now - self._seen) * self._per_s)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
