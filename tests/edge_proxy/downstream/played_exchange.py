"""One response being sent to a client, with an upstream that the test plays."""

import asyncio

from edge_proxy.core.pacer import Pacer
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects import native
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_upstream import Generation, PlayedUpstream
from tests.support.virtual_time import settle

REQUEST = GenerationRequest(prompt="x")


class Exchange:
    """A response, and how often it said that it is done."""

    def __init__(self) -> None:
        self.upstream = PlayedUpstream()
        self.done = 0
        ticker = Ticker()
        self.stream = Stream(Pacer(interval_s=0.05, ping_interval_s=15, timeout_s=120, now=ticker.now()), ticker)

    def response(self) -> SSEResponse:
        """The response itself."""

        def count() -> None:
            self.done += 1

        opening = Opening(self.stream, lambda reader: self.upstream.open(REQUEST, reader), count)
        return SSEResponse([opening], native)

    def start(self) -> Client:
        """Begin to send."""
        return Client(self.response())


async def start_open() -> tuple[Exchange, Client, Generation]:
    """An exchange whose generation runs."""
    exchange = Exchange()
    client = exchange.start()
    await settle()
    return exchange, client, exchange.upstream.last


async def nothing_is_left_running() -> bool:
    """Whether the test is the only task."""
    await settle()
    return asyncio.all_tasks() == {asyncio.current_task()}
