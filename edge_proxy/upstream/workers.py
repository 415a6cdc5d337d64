"""The workers of this edge: which one gets a generation, and which one has it."""

import asyncio
from collections.abc import Sequence

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest, Model
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from edge_proxy.upstream.translate import to_message

STEP_PERCENT = 5  # workers are told of a stretch in steps of so much


class Workers:
    """A link to each address."""

    def __init__(self, addresses: Sequence[str], timers: LinkTimers) -> None:
        self._links = [WorkerLink(address, timers) for address in addresses]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> int:
        """How many workers take new generations."""
        return sum(link.ready for link in self._links)

    @property
    def models(self) -> list[Model]:
        """What the workers serve that are ready, each once."""
        listed = [Model(model.name, model.engine) for link in self._links if link.ready for model in link.models]
        return list(dict.fromkeys(listed))

    def start(self) -> None:
        """Connect to all, and stay connected."""
        self._tasks = [asyncio.create_task(link.run()) for link in self._links]

    async def stop(self) -> None:
        """Leave all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stretch(self, factor: float) -> None:
        """Have the text of all streams come in intervals so many times as long as was asked for."""
        percent = round(100 * factor / STEP_PERCENT) * STEP_PERCENT
        for link in self._links:
            link.stretch(percent)

    async def open(self, request: GenerationRequest, reader: Reader) -> Opened:
        """Start a generation on the worker with the most room.

        Raises:
            Refused: No worker is there, none serves the model or has room, or the one chosen does not take it.
        """
        return await self._choose(request.model).open(
            to_message(request), reader, interval_s=request.batch_interval_s or 0.0
        )

    async def cancel(self, generation_id: str) -> None:
        """Stop a generation, wherever it runs.

        Raises:
            Refused: NOT_FOUND, or its worker is lost.
        """
        owner = generation_id.partition("-")[0]
        for link in self._links:
            if owner and link.worker_id == owner:
                return await link.cancel(generation_id)
        raise Refused(Failure(Code.NOT_FOUND, "There is no such generation."))

    def _choose(self, model: str) -> WorkerLink:
        ready = [link for link in self._links if link.ready]
        if not ready:
            raise Refused(Failure(Code.WORKER_UNAVAILABLE))
        serving = [link for link in ready if not model or any(model == known.name for known in link.models)]
        if not serving:
            raise Refused(Failure(Code.NOT_FOUND, "No worker serves that model.", "model"))
        with_room = [link for link in serving if not link.room.full(mine=link.streams)]
        if not with_room:
            raise Refused(Failure(Code.OVERLOADED))
        return min(with_room, key=lambda link: link.room.fullness(mine=link.streams))
