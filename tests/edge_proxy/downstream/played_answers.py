"""A response of several answers, with an upstream that the test plays."""

from collections.abc import Callable, Sequence

from edge_proxy.core.claim import Claim
from edge_proxy.core.pacer import Pacer
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.generation_response import GenerationResponse
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_upstream import PlayedUpstream
from tests.support.virtual_time import settle

REQUEST = GenerationRequest(prompt="x")


class Answers:
    """So many openings, and how many of them are over."""

    def __init__(self, count: int, claim: Claim | None = None) -> None:
        self.upstream = PlayedUpstream()
        self.done = 0
        ticker = Ticker()
        self.openings = [self._opening(ticker, claim) for _ in range(count)]

    async def start(self, make: Callable[[Sequence[Opening]], GenerationResponse]) -> Client:
        """Begin to send the response that `make` makes of them."""
        client = Client(make(self.openings))
        await settle()
        return client

    def _opening(self, ticker: Ticker, claim: Claim | None) -> Opening:
        stream = Stream(Pacer(interval_s=0.05, ping_interval_s=15, timeout_s=120, now=ticker.now()), ticker)
        return Opening(stream, lambda reader: self.upstream.open(REQUEST, reader), self._count, claim)

    def _count(self) -> None:
        self.done += 1
