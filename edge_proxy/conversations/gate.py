"""Who may use the database next: what ends a reply goes before what begins one.

A reply that waits to be kept holds up a client who has read all of it; a turn that waits to begin is only one more of
those that want to. Else, when a thousand begin at once, the first to end would wait behind all of them.
"""

import asyncio
from collections import deque


class Gate:
    """So many at a time.

    Args:
        places: How many.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, *, urgent: bool) -> None:
        """Wait for a place, before those who are not urgent if this is. `leave` must follow."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the place in this very turn of the loop
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next."""
        for queue in (self._urgent, self._waiting):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
