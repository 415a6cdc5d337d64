"""Turns of conversations, between the streams of this edge and the database.

    begin   the database: what was said is kept, and what was said before is read     bounded; refused before the stream
    open    a worker: it gets the history, as much as its context has room for
    text    goes to the client as in any other stream                                 never waits for the database
    end     the database: the reply is kept                                           bounded; before the client is told

Whatever becomes of the response, the reply is kept as far as it came.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.arrears import Arrears
from edge_proxy.conversations.leases import Leases
from edge_proxy.conversations.records import Asked, Reply
from edge_proxy.core.errors import Refused

log = logging.getLogger(__name__)

RENEW_S = 5.0  # a third of what a reply is taken to run for without a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What a turn needs to know of models. "" names the default one.

    Args:
        name: Of the model that a name stands for.
        context_tokens: That it has; 0: not known, or no bound.
    """

    name: Callable[[str], str]
    context_tokens: Callable[[str], int]


class Talk:
    """What all turns of this process share.

    Args:
        archive: The database.
        models: Of the workers.
    """

    def __init__(self, archive: Archive, models: Models) -> None:
        self.archive = archive
        self.models = models
        self.leases = Leases(self._renew, period_s=RENEW_S)
        self.arrears = Arrears(self._keep)
        self._loose: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Let the last replies be kept, and close the database."""
        self.leases.stop()
        if self._loose:
            await asyncio.wait(self._loose, timeout=1.0)
        self.arrears.stop()
        await self.archive.stop()

    def later(self, work: Awaitable[None]) -> None:
        """Have that done for which nobody waits, and whose failure changes nothing."""

        async def run() -> None:
            with contextlib.suppress(Refused):
                await work

        task = asyncio.create_task(run())
        self._loose.add(task)
        task.add_done_callback(self._loose.discard)

    def asked(self, owner: str, agent_id: str, session_id: str | None, text: str) -> Asked:
        """A turn, with ids of its own."""
        number = secrets.token_hex(12)
        return Asked(
            owner=owner,
            agent_id=agent_id,
            session_id=session_id or f"session_{number}",
            new=session_id is None,
            message_id=f"message_{number}",
            reply_id=f"reply_{number}",
            text=text,
        )

    async def keep(self, reply_id: str, reply: Reply) -> None:
        """Keep how a reply ended; later, if not now.

        Raises:
            Refused: It could not be kept in time.
        """
        try:
            await self._keep(reply_id, reply)
        except Refused:
            self.arrears.add(reply_id, reply)
            raise

    async def _keep(self, reply_id: str, reply: Reply) -> None:
        await (await self.archive.store()).keep(reply_id, reply)

    async def _renew(self, reply_ids: Any) -> None:
        await (await self.archive.store()).renew(reply_ids)
