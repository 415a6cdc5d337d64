"""A claim as downstream sees it, played by the test."""

import asyncio

from edge_proxy.core.caller import Limits
from edge_proxy.core.claim import Spent
from edge_proxy.core.errors import Refused
from edge_proxy.core.quota import Left, quotas

STANDING = tuple(Left(quota, quota.limit - 1) for quota in quotas(Limits(requests_per_minute=5, streams=2), Limits()))


class PlayedClaim:
    """Is granted at once, or when `answers` is set, or not at all if there is a `refusal`; notes what was spent."""

    def __init__(self) -> None:
        self.granted = 0
        self.spent: list[Spent] = []
        self.refusal: Refused | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def standing(self) -> tuple[Left, ...]:
        """See `Claim`."""
        return STANDING if self.granted else ()

    async def grant(self) -> None:
        """See `Claim`."""
        await self.answers.wait()
        if self.refusal:
            raise self.refusal
        self.granted += 1

    def end(self, spent: Spent) -> None:
        """See `Claim`."""
        self.spent.append(spent)
