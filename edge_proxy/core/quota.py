"""What a caller may use, as bounds that can be counted; what a request takes of them; and what is left."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from edge_proxy.core.caller import Limits

MINUTE_S, DAY_S = 60.0, 86_400.0
MINUTE_SLOTS = 60  # a second each: who takes all that there is gets 98.4 % of the bound
DAY_SLOTS = 96  # a quarter of an hour each: 99 %


class Unit(StrEnum):
    """What is counted: the names of `Amounts`' fields."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    STREAMS = "streams"


class Amounts(NamedTuple):
    """So much of each."""

    requests: int = 0
    tokens: int = 0
    streams: int = 0


class Quota(NamedTuple):
    """One bound. Its name is what headers and stores know it by."""

    name: str
    unit: Unit
    limit: int
    width_s: float = 0.0  # of its window; 0 for what is given back
    slots: int = 0

    def need(self, asked: Amounts) -> int:
        """What a request that asks for so much takes of it at first.

        All of it at most: who may need more than there ever is waits until nothing else is used.
        """
        amount: int = getattr(asked, self.unit)
        return min(amount, self.limit) if self.unit is Unit.TOKENS else amount


class Left(NamedTuple):
    """What is left of a quota."""

    quota: Quota
    remaining: int
    more_s: float = 0.0  # until there is more of it; 0: unknown, or all is there
    full_s: float = 0.0  # until all of it is there
    wait_s: float = 0.0  # until there is what was asked for; 0: it is there

    @property
    def violated(self) -> bool:
        """The request needed more of it than there is."""
        return self.wait_s > 0


class Verdict(NamedTuple):
    """Whether a request may be carried out, and how its caller stands after that."""

    granted: bool
    standing: tuple[Left, ...]
    at: float  # when, on the clock of who says so


@lru_cache(maxsize=4096)  # keys share few sets of limits, and each request asks
def quotas(own: Limits, default: Limits) -> tuple[Quota, ...]:
    """The bounds of a caller that has these limits; where it has none, the default ones."""
    rows = (
        Quota(
            "requests", Unit.REQUESTS, own.requests_per_minute or default.requests_per_minute, MINUTE_S, MINUTE_SLOTS
        ),
        Quota("tokens", Unit.TOKENS, own.tokens_per_minute or default.tokens_per_minute, MINUTE_S, MINUTE_SLOTS),
        Quota("tokens-per-day", Unit.TOKENS, own.tokens_per_day or default.tokens_per_day, DAY_S, DAY_SLOTS),
        Quota("streams", Unit.STREAMS, own.streams or default.streams),
    )
    return tuple(row for row in rows if row.limit)


def wait_s(standing: Sequence[Left]) -> float:
    """How long who was refused should wait."""
    return max((left.wait_s for left in standing), default=0.0)
