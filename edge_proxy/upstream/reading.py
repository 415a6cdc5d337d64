"""One stream's reading of a generation, whatever becomes of the worker that has it.

    READING --- its call breaks, or its worker goes ---> LOST --- there again, or moved ---> READING
                                                          '------ nothing helps -----------> ended: WORKER_LOST

The stream's reader sees a pause at most. Leaving ends it in every state.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from math import inf

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Label, Outcome
from edge_proxy.core.reader import Reader, Source
from edge_proxy.upstream.exchange import Answered, Route
from edge_proxy.upstream.link import WorkerLink
from edge_proxy.upstream.said import Said
from protos import inference_pb2 as pb

MAX_MOVES = 5  # of one generation: then it is the generation that loses workers

Recover = Callable[["Reading", WorkerLink, int], Awaitable[bool]]


class _Nobody:
    """A reader who has left while a worker was asked."""

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""

    def label(self, label: Label) -> None:
        """See `Reader`."""

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""


_NOBODY = _Nobody()


class Reading:
    """A `Source` that outlives workers.

    Args:
        request: What was asked for; None if that is not known here, and it can not be moved.
        reader: Who gets what the generation says.
        owner: Whose generation it is.
        interval_s: How often text is wanted.
        deadline: Of the generation, on the event loop's clock.
        overdue_at: If it has not ended by then, the worker is to blame; inf: it is not, whatever takes long.
        recover: Has this reading adopt another source, from an index on; False if there is none.
    """

    def __init__(
        self,
        request: pb.GenerateRequest | None,
        reader: Reader,
        *,
        owner: str,
        interval_s: float,
        deadline: float,
        overdue_at: float = inf,
        recover: Recover,
    ) -> None:
        self.request = request
        self.owner = owner
        self.interval_s = interval_s
        self.deadline = deadline
        self._overdue_at = overdue_at
        self.model = request.model if request else ""
        self.generation_id = ""
        self.worker_id = ""
        self.said = Said()
        self.gone = False  # the worker lives, but does not have it any more
        self._reader: Reader | None = reader  # until it is left: the reader knows this, too, which were a cycle
        self._recover = recover
        self._route: Callable[[], Route | None] = lambda: None  # the last; weakly, for it knows this, too
        self._link: WorkerLink | None = None
        self._source: Source | None = None
        self._lost: tuple[int, Failure] | None = None
        self._recovering: asyncio.Task[None] | None = None
        self.moves = 0
        self._paused = False
        self._left = False

    def route(self) -> Route:
        """Where a worker's text is to go."""
        route = Route(self._reader or _NOBODY, None, self.said, self._on_lost, overdue_at=self._overdue_at)
        self._route = weakref.ref(route)
        return route

    def adopt(self, link: WorkerLink, answered: Answered) -> None:
        """It is read from there, from now on."""
        self.generation_id = answered.opened.generation_id
        self.worker_id = link.worker_id or self.worker_id
        if not self.model and link.models:  # the default one: of another worker it may be another
            self.model = link.models[0].name
        self._link, self._source = link, answered.source
        if self._left:
            self._source.leave()
        elif self._lost:  # between the worker's answer and now
            self._take_on(*self._lost)
        elif self._paused:
            self._source.pause()

    def remember(self, opened: pb.Opened) -> str:
        """Learn from a worker how the generation began, which was opened by another; all of the answer before."""
        beginning = opened.beginning
        if beginning.request:
            self.request = pb.GenerateRequest.FromString(beginning.request)
            self.model = self.request.model
            if opened.next_index:
                return self.said.begin(beginning.text, opened.next_index, beginning.pieces)
        return beginning.text

    def pause(self) -> None:
        """See `Source`."""
        self._paused = True
        if self._source:
            self._source.pause()

    def resume(self) -> None:
        """See `Source`."""
        self._paused = False
        if self._source:
            self._source.resume()

    def leave(self, *, stalled: bool = False) -> None:
        """See `Source`."""
        self._left = True
        self._reader = None
        route = self._route()
        if route:  # of a worker who has just been asked there may be an answer with text on the way
            route.reader = _NOBODY
        if self._recovering:
            self._recovering.cancel()
        if self._source:
            self._source.leave(stalled=stalled)

    def _on_lost(self, next_index: int, failure: Failure) -> None:
        if self._left:
            return
        self._lost = next_index, failure
        if self._source:
            self._take_on(next_index, failure)

    def _take_on(self, next_index: int, failure: Failure) -> None:
        self._source = self._lost = None
        self.gone = self._link is not None and self._link.connected
        self._recovering = asyncio.create_task(self._go_on(next_index, failure))

    async def _go_on(self, next_index: int, failure: Failure) -> None:
        self.moves += 1
        there = False
        try:
            if self._link and self.moves <= MAX_MOVES:
                there = await self._recover(self, self._link, next_index)
        finally:
            if not there and self._reader:
                self._reader.end(failure, now=asyncio.get_running_loop().time())
