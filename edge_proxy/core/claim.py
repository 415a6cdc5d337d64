"""What downstream and policy say to each other of one request's share: neither knows the other."""

from typing import NamedTuple, Protocol

from edge_proxy.core.events import Usage
from edge_proxy.core.quota import Left


class Spent(NamedTuple):
    """What one generation of a request came to."""

    generation_id: str  # "" if no worker took it on
    usage: Usage | None  # as its worker counts, if it has ended well
    next_index: int  # how far it was read: tokens so far
    left: bool  # its client did not wait for the worker's answer


class Claim(Protocol):
    """One request's share, for all generations that it asks for."""

    @property
    def standing(self) -> tuple[Left, ...]:
        """What its caller has left, once it is granted."""

    async def grant(self) -> None:
        """Take what the request may need; once, however often this is said.

        Raises:
            Refused: RATE_LIMITED or QUOTA_EXCEEDED: there is not as much.
        """

    def end(self, spent: Spent) -> None:
        """One of its generations is over. After the last, what was used is charged."""
