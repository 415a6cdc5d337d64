"""Replies that could not be kept in time: tried again for a while, so that a pause of the database loses none.

Their clients have been told that they were not kept; so nothing is promised here, and the number is bounded.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from edge_proxy.conversations.records import Reply
from edge_proxy.core.errors import Code, Refused

log = logging.getLogger(__name__)

MOST = 1000  # replies, of some kilobytes each
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0


class Arrears:
    """What is still to be kept.

    Args:
        keep: Keeps one; raises Refused.
        first_pause_s: Before it is tried again; later pauses are longer.
    """

    def __init__(self, keep: Callable[[str, Reply], Awaitable[None]], *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._keep = keep
        self._first_pause_s = first_pause_s
        self._owed: OrderedDict[str, Reply] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, reply_id: str, reply: Reply) -> None:
        """Try this one again. Of too many, the oldest is given up."""
        self._owed[reply_id] = reply
        if len(self._owed) > MOST:
            lost, _ = self._owed.popitem(last=False)
            log.warning("Reply %s is given up: the database takes nothing.", lost)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Try no more; what is left is lost."""
        if self._task:
            self._task.cancel()
        if self._owed:
            log.warning("%d replies could not be kept.", len(self._owed))

    async def _run(self) -> None:
        pause_s = self._first_pause_s
        while self._owed:
            await asyncio.sleep(pause_s)
            pause_s = self._first_pause_s if await self._try() else min(2 * pause_s, LONGEST_PAUSE_S)

    async def _try(self) -> bool:
        """Keep all, in order, as far as it goes: whether it goes at all."""
        while self._owed:
            reply_id, reply = next(iter(self._owed.items()))
            try:
                await self._keep(reply_id, reply)
            except Refused as refused:
                if refused.failure.code is not Code.NOT_STORED:  # else it can never be: its session is gone
                    return False
            self._owed.pop(reply_id, None)
        return True
