"""A short way out for the body of a stream, past middleware and tasks.

An ASGI send passes through every middleware's wrapper and a task that must be woken first: for one event that costs
several times the write itself. A stream whose response has begun may write its chunks here instead. Head and end still
go the long way, so that uvicorn knows all it must.
"""

from collections.abc import Callable


class Wire:
    """The short way out. A request finds its own in `scope["state"]["wire"]`."""

    __slots__ = ("free", "watchers", "write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write
        self.free = True  # the client takes what is written: nothing piles up here
        self.watchers: list[Callable[[bool], None]] = []  # called with whether it has become free

    def change(self, free: bool) -> None:
        """Note it, and tell: each what is so by then, because the one before may have written too much again."""
        self.free = free
        for watch in tuple(self.watchers):
            watch(self.free)
