"""An engine for what the scripted one does not do: it is made of one coroutine."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from inference_worker.engines.base import NO_TROUBLES, Finish, Model, Run, Sink
from inference_worker.request import Request


class OneRunEngine:
    """Runs every request with the same coroutine."""

    troubles = NO_TROUBLES

    def __init__(
        self,
        play: Callable[[Sink], Coroutine[Any, Any, Finish]],
        *,
        prepared: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0),
    ) -> None:
        self.models: Sequence[Model] = (Model(name="plain", engine="plain"),)
        self.capacity = 0
        self._play = play
        self.dropped = 0
        self._prepared = prepared

    async def prepare(self, request: Request) -> Run:
        await self._prepared()
        return Run(self._play, self._drop)

    async def close(self) -> None:
        pass

    def _drop(self) -> None:
        self.dropped += 1


async def say_two_tokens(sink: Sink) -> Finish:
    """A run that ends well."""
    sink.push("one")
    sink.push(" two")
    return Finish("stop", 1)


async def say_nothing(_: Sink) -> Finish:
    """A run that only its cancellation ends."""
    await asyncio.Event().wait()
    raise AssertionError("nothing sets the event")
