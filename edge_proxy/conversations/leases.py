"""Says of the replies that this process writes that it still does, for as long as it does."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from edge_proxy.core.errors import Refused

TOGETHER = 500  # replies in one statement: SQLite takes 32,766 values, and others want to write meanwhile

Renew = Callable[[Sequence[str]], Awaitable[None]]


class Leases:
    """The replies, and what says so.

    Args:
        renew: Says it of these.
        period_s: So often.
    """

    def __init__(self, renew: Renew, *, period_s: float) -> None:
        self._renew = renew
        self._period_s = period_s
        self._held: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def hold(self, reply_id: str) -> None:
        """This one is being written, from now on; somebody has just said so."""
        self._held.add(reply_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def drop(self, reply_id: str) -> None:
        """It is not any more."""
        self._held.discard(reply_id)

    def stop(self) -> None:
        """Say nothing any more."""
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            held = sorted(self._held)
            if not held:
                return
            for place in range(0, len(held), TOGETHER):
                with contextlib.suppress(Refused):  # the next time may do
                    await self._renew(held[place : place + TOGETHER])
