"""How an edge goes away, from the first signal to the moment at which its server may close.

    stage      what holds                                                left
    --------   -------------------------------------------------------   -----------------------------------------
    SERVING    -                                                         by SIGTERM; by SIGINT, straight to ENDING
    SETTLING   /readyz says 503, so that load balancers look elsewhere   after `settle_s`
    DRAINING   new streams are refused, by a server that still listens   when none runs, or after `drain_s`
    ENDING     every stream has been told why it ends                    -

A second SIGTERM, or SIGINT, is ENDING from any of them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

log = logging.getLogger(__name__)

POLL_S = 0.05  # for the seconds of a stop, polling is enough


class Stage(IntEnum):
    """How far it has gone."""

    SERVING = 0
    SETTLING = 1
    DRAINING = 2
    ENDING = 3


class Departing(Protocol):
    """What goes away."""

    @property
    def streams(self) -> int:
        """How many run."""

    def settle(self) -> None:
        """Say that it goes away, to who asks whether it is ready, and serve on."""

    def drain(self) -> None:
        """Refuse what is new."""

    def end(self) -> None:
        """End what runs; every client is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the stages last."""

    settle_s: float
    drain_s: float


class Departure:
    """Goes through the stages; to be made on the event loop that serves.

    Args:
        edge: What goes away.
        patience: How long the stages last.
        on_over: Called once, when the server may close.
    """

    def __init__(self, edge: Departing, patience: Patience, on_over: Callable[[], None]) -> None:
        self.stage = Stage.SERVING
        self._edge = edge
        self._patience = patience
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    def leave(self) -> None:
        """Go away in order; asked again, at once."""
        if self.stage is not Stage.SERVING:
            self.end()
            return
        self.stage = Stage.SETTLING
        self._edge.settle()
        if self._patience.settle_s:
            self._timer = self._loop.call_later(self._patience.settle_s, self._drain)
        else:
            self._drain()

    def end(self) -> None:
        """Go away at once."""
        if self.stage is Stage.ENDING:
            return
        if self._timer:
            self._timer.cancel()
        if self._edge.streams:
            log.info("%d streams are ended.", self._edge.streams)
        self.stage = Stage.ENDING
        self._edge.end()
        self._on_over()

    def _drain(self) -> None:
        self.stage = Stage.DRAINING
        self._edge.drain()
        if self._edge.streams:
            log.info("%d streams run; they have %g s.", self._edge.streams, self._patience.drain_s)
        self._deadline = self._loop.time() + self._patience.drain_s
        self._look()

    def _look(self) -> None:
        if self._edge.streams and self._loop.time() < self._deadline:
            self._timer = self._loop.call_later(POLL_S, self._look)
        else:
            self.end()
