"""Looks on as one stream gives out events.

    every stream      its first text
    of the sample     each event with text: how long after the one before, how many tokens, why it left then

A stream that is not in the sample is looked at until its first text, and then costs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from edge_proxy.core.events import Delta, Event, Failed, Finished
from edge_proxy.core.meter import Meter
from edge_proxy.core.story import Story

LATE_S = 0.010  # held text that leaves so long after its time waited for something else: twice a timer's slot
REASONS = ("first", "arrival", "interval", "late", "end")


class Told(Protocol):
    """Who takes a delta: a `Listener`."""

    @property
    def free(self) -> bool:
        """It would write it at once."""

    def on_delta(self, delta: Delta) -> None:
        """It is due, and has been taken."""


class Sample:
    """Where the events of the sample are counted; `free` is how many more streams it takes."""

    def __init__(self, meter: Meter, *, places: int) -> None:
        self.free = places
        self.gap_s = meter.histogram("event_gap_seconds")
        self.delay_s = meter.histogram("added_delay_seconds")
        self.arrived = meter.histogram("event_tokens", "arrival")
        self.tokens = {reason: meter.histogram("event_tokens", reason) for reason in REASONS}


class Watch:
    """One stream's.

    Args:
        story: What is gathered of the stream.
        sample: Where its events are counted, if it is in the sample.
        index: Of its log, at which it begins.
        clock: Says what instant it is.
    """

    __slots__ = ("_clock", "_index", "_last_at", "held_since", "listener", "sample", "story")

    def __init__(self, story: Story, sample: Sample | None, *, index: int, clock: Callable[[], float]) -> None:
        self.story = story
        self.sample = sample
        self.listener: Told | None = None  # to whom it hands on what it has seen
        self.held_since = 0.0  # when the oldest text that waits has come
        self._clock = clock
        self._index = index
        self._last_at = 0.0

    @property
    def free(self) -> bool:
        """See `Listener`."""
        return self.listener is not None and self.listener.free

    def on_delta(self, delta: Delta) -> None:
        """See `Listener`: text leaves as it comes."""
        now, index, sample = self._clock(), delta.next_index, self.sample
        if sample is not None:  # there is one, and this is not the first text; written out because it is done most
            sample.gap_s.add(now - self._last_at)
            sample.arrived.add(index - self._index)
            self._last_at, self._index = now, index
        if self.listener is not None:
            self.listener.on_delta(delta)

    def on_due(self, now: float) -> None:
        """See `Listener`; nobody says that to it."""

    def saw(self, events: Sequence[Event], *, now: float, due: float) -> None:
        """These are given out; text among them, if it waited, was to leave when it is `due`."""
        text = [event for event in events if isinstance(event, Delta) or (isinstance(event, Finished) and event.text)]
        if text:
            reason = "interval" if now <= due + LATE_S else "late"
            ended = isinstance(events[-1], Finished | Failed)
            self._saw("end" if ended else reason, text[-1].next_index, now)

    def _saw(self, reason: str, next_index: int, now: float) -> None:
        first = self.story.first_at is None
        if first:
            self.story.first_at = now
        sample = self.sample
        if sample is not None:
            if not first:
                sample.gap_s.add(now - self._last_at)
            sample.delay_s.add(now - self.held_since)
            sample.tokens["first" if first else reason].add(next_index - self._index)
            self._last_at, self._index = now, next_index
