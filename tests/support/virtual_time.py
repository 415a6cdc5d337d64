"""An event loop whose clock jumps to the next timer instead of waiting for it: hours pass at once.

    @in_virtual_time
    async def test_something() -> None:
        await asyncio.sleep(3600)  # no time at all

For code that waits for timers and other tasks only. What waits for a socket or a thread needs a real loop.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class NothingIsDue(AssertionError):
    """All tasks wait and no timer is set: the test would hang."""


TURN_S = 1e-9  # what one turn of the loop takes: a clock that stood still would never reach an instant just ahead


class JumpingSelector(selectors.SelectSelector):
    """Advances `now` by the time that it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingIsDue
        self.now += max(timeout, TURN_S)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on the selector's clock, which begins at 0."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def timers(self) -> int:
        """How many calls are set for later."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio tells it nowhere
        return sum(not handle.cancelled() for handle in scheduled)


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on such a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    """The running loop's instant."""
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let every task go on until it waits; next to no time passes."""
    for _ in range(30):  # more than any chain of wake-ups here is long
        await asyncio.sleep(0)


async def until(instant: float) -> None:
    """Let time pass up to that instant, and what is due then happen."""
    await asyncio.sleep(max(0.0, instant - now()))
    await settle()
