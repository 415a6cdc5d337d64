"""All streams of this process: started on the server's terms, counted, and ended together when it goes away."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Refused
from edge_proxy.core.pacer import Pacer
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.opening import Open, Opening
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker

DISTANCE = 0.9  # of the batch interval, between two deltas at least: the worker keeps the beat


@dataclass(slots=True, kw_only=True)
class Streams:
    """What it takes to start a stream.

    Args:
        admit: The request on the server's terms, or Refused; `release` follows when its stream has ended.
        open_source: Starts a generation for a reader.
        attach_source: Has a reader read the generation of that id, from an index on.
        cancel: Stops the generation of that id, if it is that owner's.
        ping_interval_s: Between two pings.
        ticker: Wakes streams.
    """

    admit: Callable[[GenerationRequest], GenerationRequest]
    release: Callable[[], None]
    open_source: Callable[[GenerationRequest, Reader], Awaitable[Opened]]
    attach_source: Callable[[str, int, GenerationRequest, Reader], Awaitable[Opened]]
    cancel: Callable[[str, str], Awaitable[None]]
    ping_interval_s: float
    ticker: Ticker
    _streams: dict[Stream, Caller] = field(default_factory=dict)

    def open(self, asked: Sequence[GenerationRequest]) -> list[Opening]:
        """Admit generations that one response is to have, and say how to open them.

        Raises:
            Refused: They may not start; none of them does. The worker's refusal comes later, when they are opened.
        """
        openings: list[Opening] = []
        try:
            for request in asked:
                openings.append(self._open_one(self.admit(request)))
        except Refused:
            for opening in openings:
                opening.close()
            raise
        return openings

    def resume(self, cursor: Cursor, caller: Caller) -> list[Opening]:
        """Admit a stream that goes on with a generation of that caller's owner, and say how to open it.

        Raises:
            Refused: It may not start.
        """
        request = self.admit(GenerationRequest(caller=caller))
        attach = partial(self.attach_source, *cursor, request)
        return [self._opening(request, attach, next_index=cursor.next_index)]

    def _open_one(self, request: GenerationRequest) -> Opening:
        return self._opening(request, lambda reader: self.open_source(request, reader))

    def _opening(self, request: GenerationRequest, open_source: Open, *, next_index: int = 0) -> Opening:
        pacer = Pacer(
            interval_s=DISTANCE * (request.batch_interval_s or 0.0),
            ping_interval_s=self.ping_interval_s,
            timeout_s=request.timeout_s or 0.0,
            first_token_s=request.first_token_timeout_s or inf,
            gap_s=request.gap_timeout_s or inf,
            now=self.ticker.now(),
        )
        pacer.next_index = next_index  # where an ending stands that comes without any text
        stream = Stream(pacer, self.ticker)
        self._streams[stream] = request.caller

        def done() -> None:
            self._streams.pop(stream, None)
            self.release()

        return Opening(stream, open_source, done)

    def recheck(self, may: Callable[[Caller], bool]) -> None:
        """End the streams of those who may not any more."""
        callers = {id(caller): caller for caller in self._streams.values()}  # by id: thousands have the same few
        out = {number for number, caller in callers.items() if caller is not ANYONE and not may(caller)}
        for stream, caller in tuple(self._streams.items()) if out else ():
            if id(caller) in out and not stream.failure:
                stream.fail(Code.UNAUTHENTICATED)

    def fail_all(self, code: Code) -> None:
        """End every stream, in its own words."""
        for stream in tuple(self._streams):
            stream.fail(code)
