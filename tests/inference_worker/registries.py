"""A registry with the scripted engine behind it, and requests for it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inference_worker.engines.base import Engine
from inference_worker.engines.scripted import ScriptedEngine
from inference_worker.generation import Ending
from inference_worker.registry import Limits, Registry
from inference_worker.request import Message, Request
from inference_worker.shelf import Generation

LIMITS = Limits(max_streams=8, max_log_chars=1_000_000, max_total_chars=10_000_000, max_resume_window_s=300)
STALLED = {"stall_at": "0"}  # runs until someone ends it


def make_registry(
    engine: Engine | None = None, *, timers: list[asyncio.TimerHandle] | None = None, **limits: Any
) -> Registry:
    """A registry on the running loop's clock; its timers are noted in `timers`."""

    def call_later(delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timer = asyncio.get_running_loop().call_later(delay_s, callback)
        if timers is not None:
            timers.append(timer)
        return timer

    return Registry(
        engine or ScriptedEngine({}), worker_id="w1", limits=replace(LIMITS, **limits), call_later=call_later
    )


def make_request(options: dict[str, str] | None = None, **changes: Any) -> Request:
    """A chat request of three tokens, made as fast as they can be."""
    defaults = {"tokens_per_second": "0", "tokens": "3"}
    return Request(messages=(Message("user", "Hello"),), engine_options=defaults | (options or {}), **changes)


def text_of(generation: Generation) -> str:
    """All of its text so far."""
    text, _ = generation.log.read(generation.log.first_index, max_chars=1_000_000_000)
    return text


async def ending_of(generation: Generation) -> Ending:
    """How it ends."""
    await eventually(lambda: generation.log.ending is not None)
    assert generation.log.ending is not None
    return generation.log.ending


async def eventually(condition: Callable[[], object], *, limit_s: float = 5) -> None:
    """Wait until the condition holds."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come to hold"
        await asyncio.sleep(0.001)


def unheard() -> None:
    """A reader's `notify` that does nothing."""


async def start(registry: Registry, request: Request) -> Generation:
    """Start a generation and read it."""
    generation = await registry.start(request)
    registry.join(generation, unheard)
    return generation
