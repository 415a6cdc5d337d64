"""Who asks: a key's or a token's caller, and whether that one still may."""

import time
from collections.abc import Awaitable, Callable

from edge_proxy.access.key_ring import KeyRing
from edge_proxy.core.caller import ANYONE, Caller

SIGN = "jwt:"  # before a token's `sub`, in owners and key ids: neither can be mistaken for a key's
FindToken = Callable[[str], Awaitable[Caller | None]]


class Access:
    """Knows all who may use the edge.

    Args:
        keys: The API keys.
        find_token: Finds who comes with an issuer's token, if there is one.
        unix_s: The wall clock: keys and tokens expire by it.
    """

    def __init__(
        self, keys: KeyRing, find_token: FindToken | None = None, *, unix_s: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._find_token = find_token
        self._unix_s = unix_s

    async def identify(self, credential: str) -> Caller | None:
        """Who comes with it; None for nobody.

        Raises:
            Refused: It can not be checked at the moment.
        """
        if self._find_token and credential.count(".") == 2:  # no key has a dot: RFC 7515, section 3.1
            return await self._find_token(credential)
        return self._keys.find(credential, unix_s=self._unix_s())

    def as_of_now(self, caller: Caller) -> Caller | None:
        """The same, as of now; None if that one may not any more."""
        if self._unix_s() >= caller.expires_unix_s:
            return None
        if caller == ANYONE or caller.key_id.startswith(SIGN):
            return caller
        known = self._keys.named(caller.key_id)
        return known if known and known.owner == caller.owner and self._unix_s() < known.expires_unix_s else None
