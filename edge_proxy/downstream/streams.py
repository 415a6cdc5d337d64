"""All streams of this process: started on the server's terms, counted, and ended together when it goes away."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge_proxy.core.errors import Code
from edge_proxy.core.pacer import Pacer
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects.base import Dialect
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker

DISTANCE = 0.9  # of the batch interval, between two deltas at least: the worker keeps the beat


@dataclass(slots=True, kw_only=True)
class Streams:
    """What it takes to start a stream.

    Args:
        admit: The request on the server's terms, or Refused; `release` follows when its stream has ended.
        open_source: Starts a generation for a reader.
        cancel: Stops the generation of that id.
        ping_interval_s: Between two pings.
        ticker: Wakes streams.
    """

    admit: Callable[[GenerationRequest], GenerationRequest]
    release: Callable[[], None]
    open_source: Callable[[GenerationRequest, Reader], Awaitable[Opened]]
    cancel: Callable[[str], Awaitable[None]]
    ping_interval_s: float
    ticker: Ticker
    _open: set[Stream] = field(default_factory=set)

    def sse(self, asked: GenerationRequest, dialect: Dialect) -> SSEResponse:
        """The response that streams what was asked for.

        Raises:
            Refused: The stream may not start. The worker's refusal comes later, when the response is sent.
        """
        request = self.admit(asked)
        pacer = Pacer(
            interval_s=DISTANCE * (request.batch_interval_s or 0.0),
            ping_interval_s=self.ping_interval_s,
            timeout_s=request.timeout_s or 0.0,
            now=self.ticker.now(),
        )
        stream = Stream(pacer, self.ticker)
        self._open.add(stream)

        def done() -> None:
            self._open.discard(stream)
            self.release()

        return SSEResponse(stream, lambda reader: self.open_source(request, reader), dialect, done)

    def fail_all(self, code: Code) -> None:
        """End every stream, in its own words."""
        for stream in tuple(self._open):
            stream.fail(code)
