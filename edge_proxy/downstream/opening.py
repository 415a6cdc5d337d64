"""One generation that a response is to have: admitted, opened, and left whatever becomes of the response."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.reader import Opened
from edge_proxy.downstream.stream import Stream

Open = Callable[[Stream], Awaitable[Opened]]


class Opening:
    """Its client's view, and how to get it.

    Args:
        stream: The client's view of the generation.
        open_source: Opens the generation with the stream as its reader; raises Refused.
        on_done: Called once, when it is over in whatever way.
    """

    __slots__ = ("_on_done", "_open_source", "before", "stream")

    def __init__(self, stream: Stream, open_source: Open, on_done: Callable[[], None]) -> None:
        self.stream = stream
        self.before = ""  # what the client has had already, once it is open
        self._open_source = open_source
        self._on_done = on_done

    async def open(self) -> str:
        """The generation's id.

        Raises:
            Refused: The worker does not take it, or this side has ended it meanwhile: CANCELLED, TIMEOUT.
        """
        stream = self.stream
        try:
            async with asyncio.timeout(None) as patience:
                stream.on_fail = partial(patience.reschedule, 0.0)  # it ends now, also by the client's leaving
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
        return opened.generation_id

    def close(self) -> None:
        """Read no more."""
        self.stream.leave()
        self._on_done()
