"""Where it is written down what callers have used: in this process. `shared.py` does so for all edges."""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from edge_proxy.core.account import Account
from edge_proxy.core.quota import Amounts, Quota, Verdict

SWEEP_S = 60.0  # so often callers that have not come for long are forgotten
MARK_S = 3600.0  # so long it is known how far a generation is paid for: longer than a worker keeps one


class Taking(NamedTuple):
    """What a request wants to take."""

    key_id: str
    quotas: tuple[Quota, ...]
    asked: Amounts


class Taken(NamedTuple):
    """What a request has taken, or was refused."""

    taking: Taking
    verdict: Verdict
    shared_id: str = ""  # by which all edges know it; "": only this one does
    shared_at: float = 0.0


class Read(NamedTuple):
    """A stretch of a generation that may be read more than once, and is paid for once."""

    generation_id: str
    begin: int
    end: int
    again: bool  # by who came back to it


class Books(Protocol):
    """Decides, and writes down."""

    async def take(self, taking: Taking) -> Taken:
        """Take all that is wanted, or nothing."""

    def settle(self, taken: Taken, used: Amounts, read: Read | None) -> None:
        """Charge what was used, instead of what was taken, and the rest of what was read."""


class OwnBooks:
    """Those of this process alone.

    Args:
        clock: In seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._marks: dict[str, tuple[int, float]] = {}  # how far a generation is paid for; until when that is known
        self._sweep_at = 0.0

    async def take(self, taking: Taking) -> Taken:
        """See `Books`."""
        return self.take_now(taking)

    def take_now(self, taking: Taking, *, anyway: bool = False) -> Taken:
        """The same, at once; `anyway` when it has been granted elsewhere."""
        now = self._clock()
        self._sweep(now)
        account = self._accounts.setdefault(taking.key_id, Account())
        return Taken(taking, account.take(taking.quotas, taking.asked, now=now, anyway=anyway))

    def settle(self, taken: Taken, used: Amounts, read: Read | None) -> None:
        """See `Books`."""
        now = self._clock()
        if read:
            used = used._replace(tokens=used.tokens + self._unpaid(read, now))
        taking = taken.taking
        account = self._accounts.setdefault(taking.key_id, Account())
        account.settle(taking.quotas, taking.asked, used, at=taken.verdict.at, now=now)

    def _unpaid(self, read: Read, now: float) -> int:
        """What of that nobody has paid for yet; its first reader pays by another way."""
        paid = self._marks.get(read.generation_id, (read.begin, 0.0))[0]
        self._marks[read.generation_id] = max(paid, read.end), now + MARK_S
        return max(0, read.end - paid) if read.again else 0

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_S
        self._accounts = {key: account for key, account in self._accounts.items() if not account.idle(now=now)}
        self._marks = {key: mark for key, mark in self._marks.items() if mark[1] > now}
