"""Stands between a generation and its client: text passes, and is noted; the end waits until the reply is kept.

    generation ── text ──> noted ──> client
               ── end ───> kept in the database ──> client: the end
                           not kept             ──> client: a failure, which says so

Nothing is done per token but to note the text, in the pieces that it comes in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Channel, Label, Outcome
from edge_proxy.core.reader import Reader

Keep = Callable[[Outcome | Failure, str, int], Awaitable[Failure | None]]


class Nobody:
    """A reader of what is read for its text alone."""

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""

    def label(self, label: Label) -> None:
        """See `Reader`."""

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""


class Keeper:
    """A `Reader` of a whole generation.

    Args:
        reader: Its client's.
        keep: Keeps how the reply ended: the ending, the text of the answer, and how many tokens have come. What it
            gives back is the failure to tell instead of the ending, or None.
    """

    __slots__ = ("_answer", "_ended", "_keep", "_keeping", "_next_index", "_reader", "_texts")

    def __init__(self, reader: Reader, keep: Keep) -> None:
        self._reader = reader
        self._keep = keep
        self._texts: list[str] = []
        self._answer = True  # what comes is the answer, and no more
        self._next_index = 0
        self._keeping: asyncio.Task[Outcome | Failure] | None = None
        self._ended = asyncio.Event()

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""
        if self._answer:
            self._texts.append(text)
        self._next_index = next_index
        self._reader.push(text, next_index, now=now)

    def label(self, label: Label) -> None:
        """See `Reader`."""
        self._answer = label.channel is Channel.ANSWER
        self._reader.label(label)

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""
        self.finish(ending)

    def finish(self, ending: Outcome | Failure) -> "asyncio.Task[Outcome | Failure]":
        """Have the reply kept as it is, once; what the client is told."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._finish(ending))
            self._ended.set()
        return self._keeping

    async def told(self) -> Outcome | Failure:
        """What the client is told, once it has ended and the reply is kept."""
        await self._ended.wait()
        assert self._keeping  # noqa: S101 - set together
        return await asyncio.shield(self._keeping)

    async def _finish(self, ending: Outcome | Failure) -> Outcome | Failure:
        failure = await self._keep(ending, "".join(self._texts), self._next_index)
        told = failure or ending
        self._reader.end(told, now=asyncio.get_running_loop().time())
        return told


class Follower:
    """A `Reader` from some index on, whose end waits until a `Keeper` of the same generation has kept the reply."""

    __slots__ = ("_keeper", "_reader", "_telling")

    def __init__(self, reader: Reader, keeper: Keeper) -> None:
        self._reader = reader
        self._keeper = keeper
        self._telling: asyncio.Task[Any] | None = None

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""
        self._reader.push(text, next_index, now=now)

    def label(self, label: Label) -> None:
        """See `Reader`."""
        self._reader.label(label)

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""
        self._telling = asyncio.create_task(self._tell(ending))

    async def _tell(self, ending: Outcome | Failure) -> None:
        told = await self._keeper.told()
        self._reader.end(told if isinstance(ending, Outcome) else ending, now=asyncio.get_running_loop().time())
