"""Opens the database of conversations: at the start if there is one, else when it is first needed.

    EDGE_DATABASE_URL            opened
    --------------------------   ------------------------------------------------------------------------
    given                        at the start
    not given, file is there     at the start
    not given, no file           by the first request for conversations, which makes the file
    empty                        never: those requests are answered 501, which names the setting

An edge that nobody talks to in this way starts as fast as without all this, and leaves no file behind.
"""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from edge_proxy.conversations.patience import Limits, Unusable
from edge_proxy.core.errors import Code, Failure, Refused

if TYPE_CHECKING:
    from edge_proxy.conversations.store import Store

log = logging.getLogger(__name__)

FILE = "sqlite:///"
OFF = Failure(Code.NOT_SUPPORTED, "Conversations are turned off here: EDGE_DATABASE_URL says where to keep them.")


class Archive:
    """The database, sooner or later.

    Args:
        url: Its address; empty for none.
        limits: How long it may take.
        given: Somebody has said that address: it is to be opened at the start.
    """

    def __init__(self, url: str, limits: Limits, *, given: bool = True) -> None:
        self._url = url
        self._limits = limits
        self._given = given
        self._store: Store | None = None
        self._opening: asyncio.Task[Store] | None = None  # one for all who want it at once
        self._failed = False  # the last attempt did

    @property
    def troubled(self) -> bool:
        """It does not do what it is asked, or can not be opened."""
        return self._store.troubled if self._store else self._failed

    async def start(self) -> None:
        """Open it, if it is to be there from the start. One that does not answer is opened later.

        Raises:
            Unusable: Only a person can help.
        """
        if not (self._url and (self._given or _file(self._url).exists())):
            return
        with contextlib.suppress(Refused):
            self._store = await self._open()

    async def store(self) -> "Store":
        """What is kept in it.

        Raises:
            Refused: NOT_SUPPORTED: there is none; DATABASE_UNAVAILABLE: it can not be opened, or not in time.
        """
        if self._store:
            return self._store
        if not self._url:
            raise Refused(OFF)
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_seen)
        # The first time, tables are made. Where that has failed, who comes next need not wait as long to learn it.
        limit_s = self._limits.ask_s if self._failed else self._limits.open_s
        try:
            async with asyncio.timeout(limit_s):
                self._store = await asyncio.shield(self._opening)
        except (Unusable, TimeoutError) as error:
            self._failed = True
            log.warning("The database can not be opened: %s", error or "it does not answer")
            raise Refused(Failure(Code.DATABASE_UNAVAILABLE)) from None
        return self._store

    async def stop(self) -> None:
        """Close it."""
        if self._opening and not self._opening.done():
            self._opening.cancel()
        if self._store:
            await self._store.close()

    async def _open(self) -> "Store":
        # Not on the event loop: to load SQLAlchemy takes half a second, in which no stream would move.
        open_store = await asyncio.to_thread(_load)
        try:
            store: Store = await open_store(self._url, self._limits)
        except Refused as refused:
            self._failed = True
            log.warning("%s", refused.failure.message)
            raise Refused(Failure(Code.DATABASE_UNAVAILABLE)) from None
        log.info("Conversations are kept in %s.", _named(self._url))
        return store


def _seen(opening: "asyncio.Task[Store]") -> None:
    if not opening.cancelled():
        opening.exception()  # which nobody may have waited for


def _load():  # type: ignore[no-untyped-def]
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells at length what it does, and does not
    from edge_proxy.conversations.store import open_store  # noqa: PLC0415 - see above

    return open_store


def _file(url: str) -> Path:
    return Path(url.removeprefix(FILE).partition("?")[0])


def _named(url: str) -> str:
    """Where it is, without a password."""
    if url.startswith(FILE):
        return str(_file(url).absolute())
    return url.partition("://")[0] + "://" + url.rpartition("@")[2].partition("?")[0]
