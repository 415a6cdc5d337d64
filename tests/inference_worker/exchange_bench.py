"""An exchange without its shell, on generations whose text the tests write themselves."""

import asyncio
from typing import Any

from inference_worker.exchange import Exchange
from inference_worker.shelf import Generation
from protos import inference_pb2 as pb
from tests.inference_worker.one_run_engine import OneRunEngine, say_nothing
from tests.inference_worker.registries import make_registry, make_request


class Bench:
    """An exchange, and a note of each time that it woke its shell: was it urgent?"""

    def __init__(self) -> None:
        self.registry = make_registry(OneRunEngine(say_nothing), max_streams=10_000)
        self.wakes: list[bool] = []
        self.exchange = Exchange(self.registry, self.wakes.append, slot_s=0.01)

    async def generation(self, **fields: Any) -> Generation:
        """A generation that says nothing by itself."""
        generation = await self.registry.start(make_request(**fields))
        await asyncio.sleep(0)
        return generation

    async def read(self, number: int, *, interval_s: float = 0.0) -> Generation:
        """A generation that is read from its beginning, and whose opening the edge knows."""
        generation = await self.generation()
        self.exchange.read(number, generation, 0, interval_s=interval_s)
        self.frame()
        return generation

    def frame(self, *, now: float = 0.0) -> pb.WorkerFrame:
        """What goes out at `now`; the wakes so far are forgotten."""
        self.wakes.clear()
        return self.exchange.frame(now=now) or pb.WorkerFrame()

    def all_frames(self) -> list[pb.WorkerFrame]:
        """What goes out until the exchange does not wake any more."""
        frames = [self.frame()]
        while self.wakes:
            frames.append(self.frame())
        return frames


def rows(frame: pb.WorkerFrame) -> list[tuple[int, str, int]]:
    """Its text: stream, text, and the index behind it."""
    return list(zip(frame.text_stream, frame.text, frame.text_next_index, strict=True))
