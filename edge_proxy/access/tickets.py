"""Tickets: for `EventSource` and WebSocket, which can send no header of the page's.

    the page, with its key: POST for a ticket -> 256 random bits, once, within 60 s -> who asked for it

A ticket is kept by its hash, with its caller, until it is used or old. Whose key is revoked meanwhile, whose ticket is
nothing any more.
"""

import hashlib
import json
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple, Protocol

from edge_proxy.core.caller import ANYONE, Caller, Limits
from edge_proxy.core.errors import Code, Failure, Refused

LIFE_S = 60.0
MAX_UNUSED = 100  # of one key in one process: who wants more, uses those that it has
MAX_CHARS = 43  # of a ticket, in URL-safe base 64: who sends more sends none


class Store(Protocol):
    """Keeps values for a while, and gives each out once."""

    async def put(self, name: str, value: str, *, owner: str, life_s: float) -> bool:
        """Keep it; False if that owner has too many."""

    async def take(self, name: str) -> str | None:
        """The value, which is kept no longer; None if there is none. Of two who come at once, one gets it."""

    async def close(self) -> None:
        """Leave what is kept elsewhere."""


class _Kept(NamedTuple):
    value: str
    owner: str
    until: float


class LocalStore:
    """Keeps them in this process. All have the same life, so that the first put are the first to go."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._of_owner: Counter[str] = Counter()

    async def put(self, name: str, value: str, *, owner: str, life_s: float) -> bool:
        """See `Store`."""
        now = self._now()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._forget(next(iter(self._kept)))
        if self._of_owner[owner] >= MAX_UNUSED:
            return False
        self._of_owner[owner] += 1
        self._kept[name] = _Kept(value, owner, now + life_s)
        return True

    async def take(self, name: str) -> str | None:
        """See `Store`."""
        kept = self._forget(name) if name in self._kept else None
        return kept.value if kept and self._now() < kept.until else None

    async def close(self) -> None:
        """See `Store`."""

    def _forget(self, name: str) -> _Kept:
        kept = self._kept.pop(name)
        self._of_owner[kept.owner] -= 1
        if not self._of_owner[kept.owner]:
            del self._of_owner[kept.owner]
        return kept


class Tickets:
    """Gives tickets out and takes them back.

    Args:
        store: Where they are kept.
        as_of_now: A caller as of now; None for one who may not any more.
    """

    def __init__(self, store: Store, as_of_now: Callable[[Caller], Caller | None]) -> None:
        self._store = store
        self._as_of_now = as_of_now

    async def issue(self, caller: Caller) -> str:
        """A ticket for that caller.

        Raises:
            Refused: OVERLOADED: too many of them are unused.
        """
        ticket = secrets.token_urlsafe(32)
        if caller == ANYONE:
            return ticket  # nobody will ask for it
        value = json.dumps(asdict(caller))
        if not await self._store.put(_name(ticket), value, owner=caller.key_id, life_s=LIFE_S):
            raise Refused(Failure(Code.OVERLOADED, f"{MAX_UNUSED} tickets of this key are unused."))
        return ticket

    async def redeem(self, ticket: str) -> Caller | None:
        """Who it was given to, once; None for nobody."""
        value = await self._store.take(_name(ticket)) if len(ticket) <= MAX_CHARS else None
        if value is None:
            return None
        fields = json.loads(value)
        return self._as_of_now(Caller(**fields | {"limits": Limits(**fields["limits"])}))

    async def close(self) -> None:
        """Leave the store."""
        await self._store.close()


def _name(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
