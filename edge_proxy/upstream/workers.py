"""The workers of this edge: which one gets a generation, and which one has it."""

import asyncio
import contextlib
from collections.abc import Sequence
from math import inf

from edge_proxy.core.budget import RetryBudget
from edge_proxy.core.cursor import GENERATION_ID
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.meter import Figures
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest, Model
from edge_proxy.core.status import WorkerStatus
from edge_proxy.upstream.addresses import LookUp, look_up
from edge_proxy.upstream.channel import Connect, make_channel
from edge_proxy.upstream.choice import Choice
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from edge_proxy.upstream.pool import Pool
from edge_proxy.upstream.reading import Reading
from edge_proxy.upstream.recovery import Recovery
from edge_proxy.upstream.report import report
from edge_proxy.upstream.translate import to_message
from protos import inference_pb2 as pb

STEP_PERCENT = 5  # workers are told of a stretch in steps of so much
ELSEWHERE = {Code.WORKER_UNAVAILABLE, Code.OVERLOADED}  # refusals that say nothing of another worker
SEEK_S = 2.0  # for a worker that has just been lost to be there again, when someone comes for its generation
SEEK_PERIOD_S = 0.1


class Workers:
    """A link to each address.

    Args:
        addresses: As in the settings; those that are names are looked up.
        timers: Of each link.
        look_up: Gives the hosts of a name.
        resolve_interval_s: Between two lookups of a name.
        connect: Makes the channel to an address.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        timers: LinkTimers,
        *,
        look_up: LookUp = look_up,
        resolve_interval_s: float = 5.0,
        connect: Connect = make_channel,
    ) -> None:
        self._pool = Pool(addresses, timers, look_up=look_up, interval_s=resolve_interval_s, connect=connect)
        self._choice = Choice(
            lambda link: link.room.full(mine=link.streams), lambda link: link.room.fullness(mine=link.streams)
        )
        self._retries = RetryBudget()
        self._recovery = Recovery(lambda: self._links)

    @property
    def _links(self) -> list[WorkerLink]:
        return self._pool.links

    @property
    def ready(self) -> int:
        """How many workers take new generations."""
        return sum(link.ready for link in self._links)

    @property
    def models(self) -> list[Model]:
        """What the workers serve that are ready, each once."""
        listed = [Model(model.name, model.engine) for link in self._links if link.ready for model in link.models]
        return list(dict.fromkeys(listed))

    def context_tokens(self, model: str) -> int:
        """Of prompt and answer together, where it is least; 0: nobody says. "" is the default one."""
        known = [
            each.context_tokens
            for link in self._links
            if link.ready
            for each in (link.models if model else link.models[:1])
            if not model or each.name == model
        ]
        return min((tokens for tokens in known if tokens), default=0)

    def show(self, figures: Figures, *, process: str) -> None:
        """Put into the figures how the workers are, as this process sees them."""
        for link in self._links:
            load = link.load if link.connected else pb.Load()
            labels = (link.address, process)
            figures.gauge("worker_up", link.connected, *labels)
            figures.gauge("worker_draining", load.draining, *labels)
            figures.gauge("worker_aside", link.standing.breaker.aside, *labels)
            figures.gauge("worker_running", load.running, *labels)
            figures.gauge("worker_places", load.max_streams, *labels)
            figures.gauge("worker_streams", link.streams, *labels)
            figures.count("worker_connects_total", link.standing.connects, link.address)
            for kind, number in link.standing.troubles.items():
                figures.count("worker_errors_total", number, link.address, kind)
        for result, number in self._recovery.results.items():
            figures.count("recoveries_total", number, result)

    @property
    def report(self) -> list[WorkerStatus]:
        """Each worker, for who runs the edge."""
        return report(self._links)

    def start(self) -> None:
        """Connect to all, and stay connected."""
        self._pool.start()

    async def stop(self) -> None:
        """Leave all."""
        await self._pool.stop()

    def stretch(self, factor: float) -> None:
        """Have the text of all streams come in intervals so many times as long as was asked for."""
        self._pool.stretch(round(100 * factor / STEP_PERCENT) * STEP_PERCENT)

    async def open(self, request: GenerationRequest, reader: Reader) -> Opened:
        """Start a generation on the worker with the most room; on another, if that one can not take it.

        Raises:
            Refused: No worker is there, none serves the model or has room, or none of those asked takes it.
        """
        self._retries.earn()
        message = to_message(request)
        reading = self._reading(message, reader, request)
        link = self._choose(request)
        try:
            return await _open(link, message, reading)
        except Refused as refused:
            other = self._other(request, link) if refused.failure.code in ELSEWHERE else None
            if other is None or not self._retries.spend():
                raise
        return await _open(other, message, reading)

    async def attach(self, generation_id: str, index: int, request: GenerationRequest, reader: Reader) -> Opened:
        """Read a generation that is there, on the server's terms for `request`, from an index.

        Raises:
            Refused: NOT_FOUND (another owner's, too), RESUME_EXPIRED (it is gone), ENDED (all of it was read),
                INVALID_REQUEST (it does not have that index), or its worker is lost.
        """
        reading = self._reading(None, reader, request)
        attach = pb.Attach(generation_id=generation_id, next_index=index, with_beginning=True, owner=reading.owner)
        loop = asyncio.get_running_loop()
        until = loop.time() + SEEK_S
        while (opened := await self._attach(attach, reading)) is None:
            if self._pool.complete:
                raise Refused(Failure(Code.NOT_FOUND, "There is no such generation."))
            if loop.time() >= until:
                raise Refused(Failure(Code.WORKER_UNAVAILABLE))
            await asyncio.sleep(SEEK_PERIOD_S)
        return opened

    async def cancel(self, generation_id: str, owner: str = "") -> None:
        """Stop a generation of that owner, wherever it runs.

        Raises:
            Refused: NOT_FOUND, or its worker is lost.
        """
        for link in self._by_ownership(generation_id) if GENERATION_ID.fullmatch(generation_id) else ():
            try:
                return await link.cancel(generation_id, owner)
            except Refused as refused:
                if refused.failure.code is not Code.NOT_FOUND:
                    raise
        raise Refused(Failure(Code.NOT_FOUND, "There is no such generation."))

    def _reading(self, message: pb.GenerateRequest | None, reader: Reader, request: GenerationRequest) -> Reading:
        deadline = asyncio.get_running_loop().time() + (request.timeout_s or 0.0)
        return Reading(
            message,
            reader,
            owner=request.caller.owner,
            interval_s=request.batch_interval_s or 0.0,
            deadline=deadline,
            overdue_at=deadline if request.timeout_s and not request.impatient else inf,
            recover=self._recovery.recover,
        )

    async def _attach(self, attach: pb.Attach, reading: Reading) -> Opened | None:
        """None: of the workers that are connected, none has it."""
        for link in self._by_ownership(attach.generation_id):
            try:
                answered = await link.attach(attach, reading.route(), interval_s=reading.interval_s)
            except Refused as refused:
                if refused.failure.code not in (Code.NOT_FOUND, Code.WORKER_UNAVAILABLE):
                    raise
            else:
                before = reading.remember(answered.opened)
                reading.adopt(link, answered)
                return Opened(attach.generation_id, reading, before)
        return None

    def _by_ownership(self, generation_id: str) -> list[WorkerLink]:
        """Those that are connected, first the one that the id names: others may have taken it on since."""
        owner = generation_id.partition("-")[0]
        there = [link for link in self._links if link.connected]
        return sorted(there, key=lambda link: link.worker_id != owner)

    def _choose(self, request: GenerationRequest, *, but: WorkerLink | None = None) -> WorkerLink:
        ready = [link for link in self._links if link.ready and link is not but]
        if not ready:
            raise Refused(Failure(Code.WORKER_UNAVAILABLE))
        model = request.model
        serving = [link for link in ready if not model or any(model == known.name for known in link.models)]
        if not serving:
            raise Refused(Failure(Code.NOT_FOUND, "No worker serves that model.", "model"))
        link = self._choice.pick(serving, request.session)
        if link is None:
            raise Refused(Failure(Code.OVERLOADED))
        return link

    def _other(self, request: GenerationRequest, link: WorkerLink) -> WorkerLink | None:
        with contextlib.suppress(Refused):
            return self._choose(request, but=link)
        return None


async def _open(link: WorkerLink, message: pb.GenerateRequest, reading: Reading) -> Opened:
    answered = await link.open(message, reading.route(), interval_s=reading.interval_s)
    reading.adopt(link, answered)
    return Opened(answered.opened.generation_id, reading)
