"""All streams of this process: started on the server's terms, counted, and ended together when it goes away."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.claim import Claim
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Refused
from edge_proxy.core.events import Failed
from edge_proxy.core.meter import Figures
from edge_proxy.core.pacer import Pacer
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.opening import Open, Opening
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker
from edge_proxy.downstream.watching import Watching

OpenSource = Callable[[GenerationRequest, Reader], Awaitable[Opened]]
AttachSource = Callable[[str, int, GenerationRequest, Reader], Awaitable[Opened]]
DISTANCE = 0.9  # of the batch interval, between two deltas at least: the worker keeps the beat


@dataclass(slots=True, kw_only=True)
class Streams:
    """What it takes to start a stream.

    Args:
        admit: The request on the server's terms, or Refused; `release` follows when its stream has ended.
        open_source: Starts a generation for a reader.
        attach_source: Has a reader read the generation of that id, from an index on.
        cancel: Stops the generation of that id, if it is that owner's.
        claim: The share of its caller's limits that a request is to take, which begins or goes on with these
            generations; None if there are no limits.
        ping_interval_s: Between two pings.
        ticker: Wakes streams.
        watching: Measures them.
        on_failure: Told of every stream that is refused or fails.
    """

    admit: Callable[[GenerationRequest], GenerationRequest]
    release: Callable[[], None]
    open_source: OpenSource
    attach_source: AttachSource
    cancel: Callable[[str, str], Awaitable[None]]
    ping_interval_s: float
    ticker: Ticker
    watching: Watching = field(default_factory=Watching)
    claim: Callable[[Sequence[GenerationRequest], Cursor | None], Claim | None] = lambda asked, cursor: None
    on_failure: Callable[[Code], None] = lambda code: None
    _streams: dict[Stream, Caller] = field(default_factory=dict)

    def open(
        self, asked: Sequence[GenerationRequest], through: Callable[[OpenSource], OpenSource] | None = None
    ) -> list[Opening]:
        """Admit generations that one response is to have, and say how to open them.

        Args:
            asked: What is asked for.
            through: Puts something between the generations and their readers, once they are admitted.

        Raises:
            Refused: They may not start; none of them does. The worker's refusal comes later, when they are opened.
        """
        openings: list[Opening] = []
        open_source = through(self.open_source) if through else self.open_source
        claim = self.claim(asked, None)
        try:
            for request in asked:
                openings.append(self._open_one(self._admit(request), claim, open_source))
        except Refused:
            for opening in openings:
                opening.close()
            raise
        return openings

    def resume(
        self, cursor: Cursor, caller: Caller, through: Callable[[AttachSource], AttachSource] | None = None
    ) -> list[Opening]:
        """Admit a stream that goes on with a generation of that caller's owner, and say how to open it.

        `through` is as in `open`.

        Raises:
            Refused: It may not start.
        """
        request = self._admit(GenerationRequest(caller=caller))
        attach = partial(through(self.attach_source) if through else self.attach_source, *cursor, request)
        claim = self.claim([request], cursor)
        return [self._opening(request, attach, claim, next_index=cursor.next_index, resumed=True)]

    def _open_one(self, request: GenerationRequest, claim: Claim | None, open_source: OpenSource) -> Opening:
        def open_for(stream: Stream) -> Awaitable[Opened]:
            return open_source(self.watching.on_behalf(request, stream.story), stream)

        return self._opening(request, open_for, claim)

    def _admit(self, request: GenerationRequest) -> GenerationRequest:
        try:
            return self.admit(request)
        except Refused as refused:
            self.watching.meter.count("admission_refusals_total", refused.failure.code)
            self.on_failure(refused.failure.code)
            raise

    def _opening(
        self,
        request: GenerationRequest,
        open_source: Open,
        claim: Claim | None,
        *,
        next_index: int = 0,
        resumed: bool = False,
    ) -> Opening:
        pacer = Pacer(
            interval_s=DISTANCE * (request.batch_interval_s or 0.0),
            ping_interval_s=self.ping_interval_s,
            timeout_s=request.timeout_s or 0.0,
            first_token_s=request.first_token_timeout_s or inf,
            gap_s=request.gap_timeout_s or inf,
            now=self.ticker.now(),
        )
        pacer.next_index = next_index  # where an ending stands that comes without any text
        watch = self.watching.begin(request, index=next_index, resumed=resumed, clock=self.ticker.now)
        stream = Stream(pacer, self.ticker, watch)
        self._streams[stream] = request.caller

        def done() -> None:
            self._streams.pop(stream, None)
            self.watching.end(stream, now=self.ticker.now())
            self.release()
            failure = stream.ending.failure if isinstance(stream.ending, Failed) else stream.failure
            if failure:
                self.on_failure(failure.code)

        return Opening(stream, open_source, done, claim)

    def recheck(self, may: Callable[[Caller], bool]) -> None:
        """End the streams of those who may not any more."""
        callers = {id(caller): caller for caller in self._streams.values()}  # by id: thousands have the same few
        out = {number for number, caller in callers.items() if caller is not ANYONE and not may(caller)}
        for stream, caller in tuple(self._streams.items()) if out else ():
            if id(caller) in out and not stream.failure:
                stream.fail(Code.UNAUTHENTICATED)

    async def stop(self, generation_id: str, owner: str) -> None:
        """Stop a generation of that owner's, whoever reads it.

        Raises:
            Refused: NOT_FOUND, or its worker is lost.
        """
        asked_at = self.ticker.now()
        await self.cancel(generation_id, owner)
        self.watching.meter.histogram("cancel_seconds").add(self.ticker.now() - asked_at)

    def figures(self, *, process: str) -> Figures:
        """What has been counted, those that run included."""
        return self.watching.figures(self._streams, process=process)

    def fail_all(self, code: Code) -> None:
        """End every stream, in its own words."""
        for stream in tuple(self._streams):
            stream.fail(code)
