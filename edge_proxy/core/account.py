"""What one caller has used: the decision, and the book behind it.

A request takes what it may need before it begins (one request, its streams, the tokens of its prompt and of the
longest answer that it asks for), all of it or nothing. When it is over it is charged for what it has used: what is left
is given back, and what came on top is added. So nobody can use more than his share by asking for much at once.
"""

from collections.abc import Sequence

from edge_proxy.core.quota import Amounts, Left, Quota, Unit, Verdict
from edge_proxy.core.window import Window

PLACE_WAIT_S = 1.0  # nobody knows when a stream ends: so long, as where the server itself is full


class Account:
    """One caller's. Its quotas are given with each call, because a key's limits can change."""

    __slots__ = ("_streams", "_windows")

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._streams = 0

    def take(self, quotas: Sequence[Quota], asked: Amounts, *, now: float, anyway: bool = False) -> Verdict:
        """Take what is asked for, if there is as much of everything.

        Args:
            quotas: The caller's.
            asked: What the request may need.
            now: Instants are seconds on one clock.
            anyway: It is taken in any case, because someone else has decided.
        """
        waits = [self._wait_s(quota, quota.need(asked), now) for quota in quotas]
        granted = anyway or not any(waits)
        if granted:
            for quota in quotas:
                self._add(quota, quota.need(asked), now)
        standing = tuple(self._left(quota, wait, now) for quota, wait in zip(quotas, waits, strict=True))
        return Verdict(granted, standing, now)

    def settle(self, quotas: Sequence[Quota], asked: Amounts, used: Amounts, *, at: float, now: float) -> None:
        """Charge what was used instead of what was taken at `at`; all streams are over."""
        for quota in quotas:
            if quota.unit is Unit.STREAMS:
                self._streams -= asked.streams
                continue
            more = getattr(used, quota.unit) - quota.need(asked)
            if more > 0:
                self._add(quota, more, now)
            else:
                self._window(quota).give_back(-more, at=at)

    def idle(self, *, now: float) -> bool:
        """There is nothing to remember."""
        return not self._streams and not any(window.used(now=now) for window in self._windows.values())

    def _used(self, quota: Quota, now: float) -> int:
        return self._streams if quota.unit is Unit.STREAMS else self._window(quota).used(now=now)

    def _wait_s(self, quota: Quota, need: int, now: float) -> float:
        missing = self._used(quota, now) + need - quota.limit
        if not need or missing <= 0:
            return 0.0
        return PLACE_WAIT_S if quota.unit is Unit.STREAMS else self._window(quota).frees_s(missing, now=now)

    def _add(self, quota: Quota, amount: int, now: float) -> None:
        if quota.unit is Unit.STREAMS:
            self._streams += amount
        elif amount:
            self._window(quota).add(amount, now=now)

    def _left(self, quota: Quota, wait_s: float, now: float) -> Left:
        used = self._used(quota, now)
        remaining = max(0, quota.limit - used)
        if quota.unit is Unit.STREAMS or not used:
            return Left(quota, remaining, wait_s=wait_s)
        window = self._window(quota)
        more_s = window.frees_s(used - quota.limit + 1 if used > quota.limit else 1, now=now)
        return Left(quota, remaining, more_s, window.frees_s(used, now=now), wait_s)

    def _window(self, quota: Quota) -> Window:
        window = self._windows.get(quota.name)
        if window is None:
            window = self._windows[quota.name] = Window(width_s=quota.width_s, slots=quota.slots)
        return window
