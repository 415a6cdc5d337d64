"""JSON Web Tokens (RFC 7519) of one issuer, checked by the public keys that it publishes (RFC 7517).

Only asymmetric signatures are taken: with a symmetric one, whoever can check a token can make one. A token needs `exp`,
`sub`, our audience and the issuer, and its `sub` owns what is begun with it.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import jwt

from edge_proxy.access.access import SIGN
from edge_proxy.core.caller import Caller, Limits
from edge_proxy.core.errors import Code, Failure, Refused

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_S = 10.0  # clocks differ
LIFESPAN_S = 300.0  # of the issuer's keys, as they were fetched
COOLDOWN_S = 10.0  # between two fetches, whatever tokens come: anyone can name a key that nobody has
FETCH_TIMEOUT_S = 3.0
SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")  # OpenID Connect Core, section 2: ASCII, 255 at most
REQUIRED = ["exp", "iss", "aud", "sub"]


class Tokens:
    """Finds callers by their tokens.

    Args:
        issuer: What `iss` must be.
        audience: What `aud` must be, or name among others.
        jwks_url: Where the issuer's keys are.
        limits: Of each caller.
        now: The monotonic clock.
    """

    def __init__(
        self, *, issuer: str, audience: str, jwks_url: str, limits: Limits, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._limits = limits
        self._now = now
        self._client = jwt.PyJWKClient(jwks_url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_S)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def find(self, token: str) -> Caller | None:
        """Who comes with that token; None for one that is none, expired, or of others.

        Raises:
            Refused: SERVER_BUSY: the issuer's keys can not be had.
        """
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            return self._caller(self._checked(token, key)) if key else None
        except Refused:
            raise
        except Exception:  # of many kinds, for a text that anyone can send: numbers too large, JSON too deep
            return None

    def _checked(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_S,
            options={"require": REQUIRED},
        )

    def _caller(self, claims: dict[str, Any]) -> Caller | None:
        subject = claims["sub"]
        if not SUBJECT.fullmatch(subject):
            return None
        named = SIGN + subject
        return Caller(key_id=named, owner=named, limits=self._limits, expires_unix_s=claims["exp"] + LEEWAY_S)

    async def _key(self, kid: object) -> jwt.PyJWK | None:
        """The issuer's key of that id. Fetched anew when it is unknown or old, but not more often than now and then."""
        if not isinstance(kid, str):
            return None
        if kid not in self._keys:
            await self._renew()
        elif self._now() >= self._fetched_at + LIFESPAN_S and not self._fetching.locked():
            self._renewing = asyncio.create_task(self._renew())  # nobody waits for what is likely the same
        if not self._keys:
            raise Refused(Failure(Code.SERVER_BUSY, "Tokens can not be checked at the moment."))
        return self._keys.get(kid)

    async def _renew(self) -> None:
        async with self._fetching:  # who comes meanwhile waits for the same fetch
            if self._now() >= self._tried_at + COOLDOWN_S:
                await self._fetch()

    async def _fetch(self) -> None:
        self._tried_at = self._now()
        try:
            keys = await asyncio.to_thread(self._client.get_signing_keys)
        except Exception as error:  # whatever is there instead of keys: those from before hold on
            log.error("The issuer's keys can not be fetched: %.300s", error)
            return
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._fetched_at = self._now()
