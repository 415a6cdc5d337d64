"""What is tried when a stream has lost its worker, in this order.

    1. The call broke, the worker lives: it is there again in a moment, and has the generation.
    2. The worker is gone, or gave the generation up: another one goes on with the text so far.

Before the first token there is nothing to go on with, so that any worker will do.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence

from edge_proxy.core.errors import Refused
from edge_proxy.core.rendezvous import rank
from edge_proxy.upstream.link import WorkerLink
from edge_proxy.upstream.reading import Reading
from protos import inference_pb2 as pb

RETURN_S = 2.0  # for a worker to be there again: longer than a connection takes, and than its first attempts
CANDIDATES = 3  # workers that are asked to go on with one generation


class Recovery:
    """Finds a new source for readings.

    Args:
        links: The workers, as of now.
    """

    def __init__(self, links: Callable[[], Sequence[WorkerLink]]) -> None:
        self.results: Counter[str] = Counter()  # so often each has come of it
        self._links = links

    async def recover(self, reading: Reading, lost: WorkerLink, index: int) -> bool:
        """Have `reading` go on from `index`; False if nothing helps."""
        result = "left"
        try:
            if await _reattach(reading, lost, index):
                result = "attached"
            else:
                result = "moved" if await self._move(reading, lost, index) else "failed"
        finally:
            self.results[result] += 1
        return result != "failed"

    async def _move(self, reading: Reading, lost: WorkerLink, index: int) -> bool:
        request = _continuation(reading, index)
        if request is None:
            return False
        for link in self._candidates(reading, lost, begun=index > 0)[:CANDIDATES]:
            with contextlib.suppress(Refused):
                reading.adopt(link, await link.open(request, reading.route(), interval_s=reading.interval_s))
                return True
        return False

    def _candidates(self, reading: Reading, lost: WorkerLink, *, begun: bool) -> list[WorkerLink]:
        """Who can go on with it. All edges think of the same one first: two readers still read one generation."""
        others = [link for link in self._links() if link.ready and link is not lost]
        able = [link for link in others if _can(link, reading.model, begun=begun)]
        return sorted(able, key=lambda link: (link.standing.breaker.aside, rank(reading.generation_id, link.worker_id)))


async def _reattach(reading: Reading, lost: WorkerLink, index: int) -> bool:
    if reading.gone or lost.silent:
        return False
    try:
        async with asyncio.timeout(RETURN_S):
            back = await lost.returned()
        if not back or lost.worker_id != reading.worker_id:
            return False
        attach = pb.Attach(generation_id=reading.generation_id, next_index=index, owner=reading.owner)
        reading.adopt(lost, await lost.attach(attach, reading.route(), interval_s=reading.interval_s))
    except (TimeoutError, Refused):
        return False
    return True


def _continuation(reading: Reading, index: int) -> pb.GenerateRequest | None:
    """The request, to go on from there; None where it can not: behind more than an answer only stages go on."""
    left_s = reading.deadline - asyncio.get_running_loop().time()
    said = reading.said
    if reading.request is None or left_s <= 0 or not (said.plain or reading.request.pipeline):
        return None
    request = pb.GenerateRequest()
    request.CopyFrom(reading.request)
    request.model = reading.model
    request.timeout_ms = max(1, round(1000 * left_s))
    begun = pb.Continuation(text=said.text, next_index=index, generation_id=reading.generation_id)
    begun.pieces.extend(said.pieces())
    request.continuation.CopyFrom(begun)
    return request


def _can(link: WorkerLink, model: str, *, begun: bool) -> bool:
    """Whether it serves the model, and can go on with a text."""
    return any(model == known.name and (known.supports_continue or not begun) for known in link.models)
