"""The limits of callers, put together: whose books count, and when they are opened and closed."""

from edge_proxy.core.caller import Limits
from edge_proxy.policy.books import Books, OwnBooks
from edge_proxy.policy.claims import Claims

PATIENCE_S = 0.1  # a server next door answers within a millisecond; nobody should notice that it does not


class KeyLimits:
    """To be made on the event loop that serves.

    Args:
        default: The limits of callers that have none of their own.
        redis_url: Where all edges write down what was used; "" if this process does so by itself.
        patience_s: So long that is waited for.
    """

    def __init__(self, default: Limits, redis_url: str = "", *, patience_s: float = PATIENCE_S) -> None:
        own = OwnBooks()
        books: Books = own
        self._shared = None
        if redis_url:
            from edge_proxy.policy.shared import SharedBooks  # noqa: PLC0415 - a library that others need not load

            books = self._shared = SharedBooks(redis_url, own, patience_s=patience_s)
        self.claim = Claims(default, books).make

    @property
    def away(self) -> bool:
        """The server of shared limits is, so that they hold for this process alone."""
        return self._shared is not None and self._shared.away

    def start(self) -> None:
        """Begin what goes on beside requests."""
        if self._shared:
            self._shared.start()

    async def stop(self) -> None:
        """End it, when the last stream has ended."""
        if self._shared:
            await self._shared.stop()
