"""One client's view of a generation: the pacer, given a clock, a source and one who waits.

    upstream: push(), end() -> pacer <- next() by the one writer, which sends what is due
                                 ^-- on_timer() from the ticker that all streams share

There is no queue and no task: text waits in the pacer, as one batch, until the writer has sent the one before.
"""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol

from edge_proxy.core.claim import Spent
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Delta, Event, Label, Outcome
from edge_proxy.core.pacer import ROUNDING_S, Pacer
from edge_proxy.core.reader import Source
from edge_proxy.core.story import Story
from edge_proxy.downstream.ticker import Ticker
from edge_proxy.downstream.watch import Watch

# Held for a client that does not take it: then the worker is told to pause. Twice so much may wait, half of it as JSON,
# where a character has twelve bytes at most: with the rest some 160 KiB, and what is under way comes on top.
PAUSE_CHARS = 8_192


class Listener(Protocol):
    """What wants to be told, and asks with `take`."""

    @property
    def free(self) -> bool:
        """It would write what it gets at once."""

    def on_delta(self, delta: Delta) -> None:
        """This is all that is due; it has been taken. Said only to who is free."""

    def on_due(self, now: float) -> None:
        """`take` has something to give."""


class Stream:
    """Takes what a generation says (a `Reader`), and gives out events when they are due."""

    __slots__ = (
        "_asked",
        "_express",
        "_index",
        "_left",
        "_listener",
        "_pacer",
        "_paused",
        "_source",
        "_ticker",
        "_waiter",
        "_watch",
        "ending",
        "failure",
        "on_fail",
        "sent_bytes",
        "story",
    )

    def __init__(self, pacer: Pacer, ticker: Ticker, watch: Watch | None = None) -> None:
        self._pacer = pacer
        self._ticker = ticker
        self._source: Source | None = None
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._listener: Listener | None = None
        self._express: Listener | None = (
            None  # who is told of text that leaves as it comes: the one above, or its watch
        )
        self._watch = watch
        self._index = pacer.next_index
        self.story = watch.story if watch else Story(began=ticker.now())
        self.sent_bytes = 0  # for who writes them to say
        self._asked: list[float] = []  # when the ticker will call; the next of these is the last
        self._left = False
        self.ending: Event | None = None  # the last event, when it has been given out
        self.failure: Failure | None = None  # why this side ended it
        self.on_fail: Callable[[], object] | None = None  # told of that, while the worker is asked
        self._ask(pacer.deadline)  # counts from here on, also while the worker is asked or the writer can not write

    def spent(self, generation_id: str) -> Spent:
        """What the generation has come to so far, which is known by that id if it was opened."""
        ending = self._pacer.ending
        usage = ending.usage if isinstance(ending, Outcome) else None
        left = self.failure is not None and self.failure.code is Code.CANCELLED
        return Spent(generation_id, usage, self._pacer.next_index, left)

    def attach(self, source: Source) -> None:
        """Know what is being read, to pause and to leave it."""
        self._source = source
        if self._left:
            source.leave()

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""
        pacer, express = self._pacer, self._express
        if express is not None and express.free:
            delta = pacer.through(text, next_index, now=now)
            if delta is not None:
                express.on_delta(delta)
                return
        if self._watch and not pacer.held_chars:
            self._watch.held_since = now
        pacer.push(text, next_index, now=now)
        if pacer.held_chars > PAUSE_CHARS and not self._paused and self._source:
            self._paused = True
            self._source.pause()
        self._arm(now)

    def label(self, label: Label) -> None:
        """See `Reader`."""
        self._pacer.label(label)

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""
        self._pacer.end(ending, now=now)
        self._wake(now)

    def fail(self, code: Code) -> None:
        """End the stream from this side."""
        self.failure = Failure(code)
        self.leave()
        self.end(self.failure, now=self._ticker.now())
        if self.on_fail:
            self.on_fail()

    def leave(self) -> None:
        """Read no more: the worker may stop, and no timer need fire."""
        self._left = True
        while self._asked:
            self._ticker.remove(self, self._asked.pop())
        if self._source:
            self._source.leave(stalled=self._pacer.stalled)

    def listen(self, listener: Listener | None) -> None:
        """Tell `listener` what is due: for who does not wait in `next`."""
        self._listener = listener
        if self._watch:
            self._watch.listener = listener
        self._hurry()

    def poke(self) -> None:
        """Tell who listens to look, now."""
        self._wake(self._ticker.now())

    def take(self, now: float) -> list[Event]:
        """The events that are due at `now`."""
        pacer, asked = self._pacer, self._asked
        if self._paused:
            pacer.excuse(now=now)
        due = pacer.flush_at
        events = pacer.poll(now=now)
        if self._watch and events:
            self._see(self._watch, events, now, due)
        if pacer.closed and events:
            self.ending = events[-1]
        if self._paused and pacer.held_chars == 0 and self._source:
            self._paused = False
            self._source.resume()
        if not asked or pacer.due < asked[-1]:
            self._arm(now)
        return events

    async def next(self) -> list[Event]:
        """The events that are due, waiting for one to be."""
        while not (events := self.take(self._ticker.now())):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return events

    @property
    def tokens(self) -> int:
        """How many have come."""
        return self._pacer.next_index - self._index

    @property
    def pings(self) -> int:
        """How many have been given out."""
        return self._pacer.pinged

    @property
    def moves(self) -> int:
        """How often what it reads has gone on elsewhere."""
        return self._source.moves if self._source else 0

    @property
    def sampled(self) -> bool:
        """It is looked at closely."""
        return self._watch is not None and self._watch.sample is not None

    def on_timer(self, now: float) -> None:
        """See `Sleeper`."""
        while self._asked and self._asked[-1] <= now + ROUNDING_S:
            self._asked.pop()
        if now + ROUNDING_S >= self._pacer.deadline:
            self.fail(Code.TIMEOUT)
        self._arm(now)

    def _see(self, watch: Watch, events: list[Event], now: float, due: float) -> None:
        watch.saw(events, now=now, due=due)
        if watch.story.first_at is not None and self._express is None:
            if not watch.sample:
                self._watch = watch.listener = None  # it has seen what it is there for
            self._hurry()

    def _hurry(self) -> None:
        """Text may leave as it comes, once the first has been seen."""
        watch = self._watch
        if watch is None:
            self._express = self._listener
        else:
            self._express = watch if self._listener and watch.story.first_at is not None else None

    def _arm(self, now: float) -> None:
        """Wake the writer if something is due, else see to it that the ticker calls when it is."""
        due = self._pacer.due
        if due <= now + ROUNDING_S:
            self._wake(now)
        elif due < (self._asked[-1] if self._asked else inf):
            self._ask(due)

    def _ask(self, at: float) -> None:
        self._asked.append(at)
        self._ticker.add(self, at)

    def _wake(self, now: float) -> None:
        if self._listener:
            self._listener.on_due(now)
        elif self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
