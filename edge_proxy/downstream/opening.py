"""One generation that a response is to have: admitted, opened, and left whatever becomes of the response."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from edge_proxy.core.claim import Claim
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.quota import Left
from edge_proxy.core.reader import Opened
from edge_proxy.downstream.stream import Stream

Open = Callable[[Stream], Awaitable[Opened]]


class Opening:
    """Its client's view, and how to get it.

    Args:
        stream: The client's view of the generation.
        open_source: Opens the generation with the stream as its reader; raises Refused.
        on_done: Called once, when it is over in whatever way.
        claim: The share of its caller's limits that it is of, if there are limits.
    """

    __slots__ = ("_claim", "_generation_id", "_on_done", "_open_source", "before", "stream")

    def __init__(
        self, stream: Stream, open_source: Open, on_done: Callable[[], None], claim: Claim | None = None
    ) -> None:
        self.stream = stream
        self.before = ""  # what the client has had already, once it is open
        self._open_source = open_source
        self._on_done = on_done
        self._claim = claim
        self._generation_id = ""

    @property
    def standing(self) -> tuple[Left, ...]:
        """What its caller has left of its limits, once it is open."""
        return self._claim.standing if self._claim else ()

    def begin(self, dialect: str, about: Mapping[str, Any]) -> None:
        """Say to whom it goes: in which dialect, for which request (its id, and the trace that it is part of)."""
        story = self.stream.story
        story.dialect = dialect
        story.request_id = about.get("request_id", "")
        story.trace_parent = about.get("trace_parent", "")

    async def open(self) -> str:
        """The generation's id.

        Raises:
            Refused: Its caller has used up its share, the worker does not take it, or this side has ended it
                meanwhile: CANCELLED, TIMEOUT.
        """
        stream = self.stream
        try:
            async with asyncio.timeout(None) as patience:
                stream.on_fail = partial(patience.reschedule, 0.0)  # it ends now, also by the client's leaving
                if self._claim:
                    await self._claim.grant()
                opened = await self._open_source(stream)
        except TimeoutError:
            raise Refused(stream.failure or Failure(Code.CANCELLED)) from None
        except Refused as refused:
            stream.failure = refused.failure
            raise
        finally:
            stream.on_fail = None
            del patience  # it knows the task, which keeps its exception, and that this frame: a cycle
        stream.attach(opened.source)  # which is left in the end, whatever becomes of the response
        self.before = opened.before
        self._generation_id = stream.story.generation_id = opened.generation_id
        return opened.generation_id

    def close(self) -> None:
        """Read no more."""
        self.stream.leave()
        if self._claim:
            self._claim.end(self.stream.spent(self._generation_id))
        self._on_done()
