"""A stream, the generation that it reads, and one who writes what it gives out."""

import asyncio
from typing import Any

from edge_proxy.core.events import Event
from edge_proxy.core.pacer import Pacer
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker
from tests.edge_proxy.downstream.played_upstream import Generation
from tests.support.virtual_time import now

INTERVAL_S = 0.05
ROUNDING_S = 2e-6


class Writer:
    """Takes events as they come, until the stream is closed."""

    def __init__(self, stream: Stream) -> None:
        self.events: list[Event] = []
        self.instants: list[float] = []
        self._stream = stream
        self.task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._stream.ending is None:
            for event in await self._stream.next():
                self.events.append(event)
                self.instants.append(now())


def make_stream(*, attached: bool = True, ticker: Ticker | None = None, **terms: Any) -> tuple[Stream, Generation]:
    """A stream, and the generation that it reads."""
    ticker = ticker or Ticker()
    terms = {"interval_s": INTERVAL_S, "ping_interval_s": 15.0, "timeout_s": 120.0, "now": ticker.now()} | terms
    stream = Stream(Pacer(**terms), ticker)
    generation = Generation("w1-1", GenerationRequest(prompt="x"), stream)
    if attached:
        stream.attach(generation)
    return stream, generation
