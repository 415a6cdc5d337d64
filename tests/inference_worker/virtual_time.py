"""An event loop whose clock jumps to the next timer instead of waiting for it: hours pass at once, and exactly.

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


class JumpingSelector(selectors.SelectSelector):
    """Advances `now` by the time that it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingIsDue
        self.now += timeout
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on the selector's clock."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a loop of its own, with a clock that starts at 0."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
