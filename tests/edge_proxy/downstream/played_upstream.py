"""The upstream side as downstream sees it, played by the test: no worker, no gRPC."""

import asyncio

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Outcome, Usage
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest
from tests.support.virtual_time import now

STOP = Outcome("stop", Usage(3, 5))
LOST = Failure(Code.WORKER_LOST)


class Generation:
    """One generation, which is its own source: it notes what it is told."""

    def __init__(self, generation_id: str, request: GenerationRequest, reader: Reader) -> None:
        self.id = generation_id
        self.request = request
        self.told: list[str] = []
        self.stalled = False  # it was left for that reason
        self._reader = reader
        self._index = 0

    moves = 0

    @property
    def left(self) -> bool:
        """It is not read any more."""
        return "leave" in self.told

    def begin_at(self, index: int) -> None:
        """What is said next is behind that index."""
        self._index = index

    def say(self, *texts: str) -> None:
        """Make text, an entry each."""
        for text in texts:
            self._index += 1
            self._reader.push(text, self._index, now=now())

    def end(self, ending: Outcome | Failure = STOP) -> None:
        """End."""
        self._reader.end(ending, now=now())

    def pause(self) -> None:
        """See `Source`."""
        self.told.append("pause")

    def resume(self) -> None:
        """See `Source`."""
        self.told.append("resume")

    def leave(self, *, stalled: bool = False) -> None:
        """See `Source`."""
        self.stalled = self.stalled or stalled
        if not self.left:
            self.told.append("leave")


class PlayedUpstream:
    """Opens generations: at once, or when `answers` is set, or not at all if there is a `refusal`."""

    def __init__(self) -> None:
        self.generations: list[Generation] = []
        self.cancelled: list[str] = []
        self.cancelled_by: list[str] = []  # owners
        self.abandoned = 0  # opens that were cancelled before their answer
        self.refusal: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def last(self) -> Generation:
        """The generation that was asked for last."""
        return self.generations[-1]

    async def open(self, request: GenerationRequest, reader: Reader) -> Opened:
        """See `Workers`."""
        generation = Generation(f"w1-{len(self.generations) + 1}", request, reader)
        self.generations.append(generation)
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        if self.refusal:
            raise self.refusal
        return Opened(generation.id, generation)

    async def attach(self, generation_id: str, index: int, request: GenerationRequest, reader: Reader) -> Opened:
        """See `Workers`. The generation is there; a test has it say what comes after the index."""
        generation = Generation(generation_id, request, reader)
        generation.begin_at(index)
        self.generations.append(generation)
        if self.refusal:
            raise self.refusal
        return Opened(generation_id, generation, "before")

    async def cancel(self, generation_id: str, owner: str) -> None:
        """See `Workers`."""
        self.cancelled.append(generation_id)
        self.cancelled_by.append(owner)
        if generation_id not in (generation.id for generation in self.generations):
            raise Refused(Failure(Code.NOT_FOUND, "There is no such generation."))
