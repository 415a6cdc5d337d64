"""What a worker's streams, and its call, say of the worker: counted, and told to its breaker; never per row.

What clients cause (a bad request, a stop, leaving) says nothing. The trial of a worker that is set aside is the one
stream whose first text is looked for, by a reader that stands before the real one until then.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from math import inf

from edge_proxy.core.breaker import Breaker
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Label, Outcome
from edge_proxy.core.reader import Reader
from edge_proxy.upstream.exchange import Route

log = logging.getLogger(__name__)

BLAMED = {Code.GENERATION_ERROR, Code.BAD_UPSTREAM, Code.TIMEOUT}
LOSS_WEIGHT = 1.5  # two of them within a minute are enough
CLOSE_S = 0.25  # a stream's deadline is so much before its reading's at most: the stream is made first


class Standing:
    """How one worker stands with this edge.

    Args:
        address: Of the worker, for the log.
        chance: A number from 0 to 1.
    """

    def __init__(self, address: str, chance: Callable[[], float] = random.random) -> None:
        self.breaker = Breaker()
        self.connects = 0  # so often has it said hello
        self.troubles: Counter[str] = Counter()  # by what it was
        self._address = address
        self._worker_id = ""  # of who said hello last
        self._chance = chance
        self._trial: _Trial | None = None
        self.leaving = False  # its address is named no more: it gets nothing new
        self.on_lost: Callable[[], None] = _nothing

    @property
    def known(self) -> bool:
        """It has said hello at least once."""
        return bool(self._worker_id)

    def begin(self, route: Route) -> None:
        """A generation is asked for."""
        if self.breaker.aside:
            self.breaker.tried()
            if self._trial is None:
                self._trial = _Trial(route, self.spoke)

    def spoke(self) -> None:
        """The trial has text."""
        self.breaker.spoke()
        self._settle()

    def ended(self, route: Route, ending: Outcome | Failure) -> None:
        """A stream has ended, or was refused instead of opened."""
        if isinstance(ending, Outcome):
            self.breaker.finished()
            self._settle()
        elif ending.code in BLAMED and (ending.code is not Code.TIMEOUT or route.overdue_at < inf):
            self.failed(f"{ending.code}")
        else:
            self._untold(route)

    def left(self, route: Route, *, stalled: bool = False) -> None:
        """A stream was left before its end: it has stalled, its time is up, or nobody wants it."""
        if stalled and route.overdue_at < inf:
            self.failed("silence")
        elif _now() + CLOSE_S >= route.overdue_at:
            self.failed("no end in time")
        else:
            self._untold(route)

    def lost(self, *, streams: int) -> None:
        """The call is over, with so many streams on it."""
        if streams:
            self.failed("lost with streams", weight=LOSS_WEIGHT)
        self.on_lost()

    def failed(self, why: str, *, weight: float = 1.0) -> None:
        """The worker has failed."""
        self.troubles[why] += 1
        now = _now()
        if self.breaker.failed(now, jitter=self._chance(), weight=weight):
            pause_s = self.breaker.until - now
            log.warning("The worker at %s is set aside for %.1f s: %s.", self._address, pause_s, why)
            self._settle()

    def silent(self, *, known: bool) -> None:
        """There was no frame in time; no hello, if it is not known by one."""
        self.troubles["no frames" if known else "no hello"] += 1
        log.warning("The worker at %s is silent.", self._address)

    def broken(self, error: Exception, *, known: bool) -> None:
        """The call broke; or there never was one."""
        self.troubles["broken" if known else "no connection"] += 1
        log.debug("The worker at %s: %.500r", self._address, error)

    def unreadable(self) -> None:
        """It sent a frame that is none; to be called where that is caught."""
        self.troubles["unreadable"] += 1
        log.exception("The worker at %s sent what can not be read.", self._address)

    def greeted(self, worker_id: str) -> str:
        """The worker says hello, by that id; the same id."""
        self.connects += 1
        if worker_id != self._worker_id:
            self._worker_id = worker_id
            self.breaker.replaced(_now())
        return worker_id

    def _untold(self, route: Route) -> None:
        if self._trial and self._trial.route is route:
            self.breaker.untold(_now())
            self._settle()

    def _settle(self) -> None:
        """The trial, if there was one, is over."""
        if self._trial:
            trial, self._trial = self._trial, None
            trial.step_aside()


class _Trial:
    """The reader of a trial, until its first text. Knows its route and is known by it until then."""

    def __init__(self, route: Route, spoke: Callable[[], None]) -> None:
        self.route = route
        self._reader: Reader = route.reader
        self._spoke = spoke
        route.reader = self

    def step_aside(self) -> None:
        """Have the real reader read, unless that has left."""
        if self.route.reader is self:
            self.route.reader = self._reader

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""
        self._spoke()
        self._reader.push(text, next_index, now=now)

    def label(self, label: Label) -> None:
        """See `Reader`."""
        self._reader.label(label)

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""
        self._reader.end(ending, now=now)


def _nothing() -> None:
    """Nobody wants to know."""


def _now() -> float:
    return asyncio.get_running_loop().time()
