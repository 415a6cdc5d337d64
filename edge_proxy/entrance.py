"""Who may come in: keys, an issuer's tokens, tickets and a cookie, put together from the settings."""

from collections.abc import Awaitable, Callable, Collection

from starlette.types import ASGIApp

from edge_proxy.access.access import Access, FindToken
from edge_proxy.access.key_ring import KeyRing
from edge_proxy.access.tickets import LocalStore, Store, Tickets
from edge_proxy.core.caller import Caller, Limits
from edge_proxy.downstream.authentication import Authentication, Ways
from edge_proxy.settings import Settings

RECHECK_EVERY = 4  # looks of the probe, which are a second: whose key is revoked, whose streams end

May = Callable[[Caller], bool]


class Entrance:
    """Stands before an app, and looks after those who are in.

    Args:
        settings: The edge's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = KeyRing(settings.api_keys, settings.api_keys_file)
        self._access = Access(self._keys, _find_token(settings))
        self._tickets = Tickets(_store(settings.redis_url), self._access.as_of_now)
        self._looks = 0
        # Several processes that share no tickets: one would be good by chance only.
        alone = settings.processes == 1 or settings.redis_url
        self.issue: Callable[[Caller], Awaitable[str]] | None = self._tickets.issue if alone else None

    def before(self, app: ASGIApp, *, ticket_paths: Collection[str]) -> ASGIApp:
        """The app, with the question who asks before everything."""
        ways = Ways(
            identify=self._access.identify,
            redeem=self._tickets.redeem,
            ticket_paths=ticket_paths,
            cookie=self._settings.auth_cookie,
            origins=self._settings.cors_origins,
        )
        return Authentication(app, ways if self._settings.asks_for_keys else None)

    @property
    def ways(self) -> dict[str, dict[str, str]]:
        """How callers are known, as OpenAPI's security schemes; none where anyone may come."""
        if not self._settings.asks_for_keys:
            return {}
        ways = {
            "key": {"type": "http", "scheme": "bearer", "description": "A key, or a token of the issuer."},
            "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "Good once."},
        }
        if self._settings.auth_cookie:
            ways["cookie"] = {"type": "apiKey", "in": "cookie", "name": self._settings.auth_cookie}
        return ways

    async def watch(self) -> None:
        """Take over what changes in the file of keys, until cancelled."""
        await self._keys.watch()

    async def stop(self) -> None:
        """Leave what is shared with other edges."""
        await self._tickets.close()

    def look(self, *rechecks: Callable[[May], None]) -> None:
        """Have those checked again who are in: every so many calls."""
        self._looks += 1
        if self._looks % RECHECK_EVERY == 0 and self._settings.asks_for_keys:
            for recheck in rechecks:
                recheck(self._may)

    def _may(self, caller: Caller) -> bool:
        return self._access.as_of_now(caller) is not None


def _find_token(settings: Settings) -> FindToken | None:
    if not settings.jwt_issuer:
        return None
    from edge_proxy.access.tokens import Tokens  # noqa: PLC0415 - it needs PyJWT, which not everybody has

    return Tokens(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        jwks_url=settings.jwks_url,
        limits=Limits(**settings.jwt_limits),
    ).find


def _store(redis_url: str) -> Store:
    if not redis_url:
        return LocalStore()
    from edge_proxy.access.shared_tickets import SharedStore  # noqa: PLC0415 - a library that others need not load

    return SharedStore(redis_url)
