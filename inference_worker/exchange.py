"""One edge's exchange: the logs of many generations, turned into few frames.

    log moved -> its stream is ready -> wake(urgent?) -> the shell calls frame() when the transport can take one
                        ^
    the slot of a stream that has said something, one interval later

A frame holds, for every stream that is ready, all text since the stream's index. So an edge that takes frames slowly
gets fewer and fuller ones, and nothing is queued for it here. Urgent is what a reader waits for: the answer to a
command, the first token, the ending. The rest may wait for the end of a slot, so that one frame serves many streams,
and for the reader's own interval, so that one row serves many tokens.
"""

from collections import deque
from collections.abc import Callable

from inference_worker.frame import FrameDraft
from inference_worker.generation import Section
from inference_worker.messages import status
from inference_worker.registry import Registry
from inference_worker.shelf import STOPPED, Generation
from inference_worker.slots import SlotQueue
from inference_worker.status import Failed
from protos import inference_pb2 as pb

ROUNDING_S = 1e-6  # what is due so soon is due: instants that should be equal differ in their last digits
LATE = 0.1  # of an interval: so far the beat of a stream stays behind text that leaves late


class Stream:
    """One reader of one generation, on behalf of the edge that numbered it.

    `queued` is true while the exchange will look at it by itself: it is ready, or waits in a slot.
    """

    __slots__ = (
        "_exchange",
        "due",
        "fresh",
        "generation",
        "index",
        "interval_s",
        "number",
        "paused",
        "queued",
        "section",
    )

    def __init__(
        self, exchange: "Exchange", number: int, generation: Generation, index: int, interval_s: float
    ) -> None:
        self.number = number
        self.generation = generation
        self.index = index
        self.interval_s = interval_s
        self.due = 0.0  # no text before, but the first and the last
        self.paused = False
        self.queued = False
        self.fresh = True  # nothing sent yet: the first token is urgent
        self.section: Section | None = None  # whose label the edge knows
        self._exchange = exchange

    def moved(self) -> None:
        """There is news in the log."""
        if not self.paused and (not self.queued or self.generation.log.ending is not None):
            self.queued = True
            self._exchange.ready(self)


class Exchange:
    """The streams of one call.

    Args:
        registry: Where generations are joined and left.
        wake: Called with whether it is urgent, when there is something for a frame.
        slot_s: Streams that are due within the same so many seconds share a frame.
        grace_s: What was read to its end, or when the call broke, is kept so long: frames on the way may be lost.
    """

    def __init__(
        self, registry: Registry, wake: Callable[[bool], None], *, slot_s: float, grace_s: float = 0.0
    ) -> None:
        self._registry = registry
        self._grace_s = grace_s
        self._wake = wake
        self._streams: dict[int, Stream] = {}
        self._ready: list[Stream] = []
        self._later: SlotQueue[Stream] = SlotQueue(slot_s=slot_s)
        self._stretch = 1.0
        self._answers: deque[pb.Opened | pb.Refused] = deque()

    @property
    def due(self) -> float | None:
        """When a frame may have something without a wake; None for never."""
        return self._later.next()

    def read(
        self,
        number: int,
        generation: Generation,
        index: int,
        *,
        interval_s: float = 0.0,
        beginning: pb.Beginning | None = None,
    ) -> None:
        """Have the stream of that number read the generation from `index`, every so often, and tell the edge so."""
        stream = self._streams[number] = Stream(self, number, generation, index, interval_s)
        self._registry.join(generation, stream.moved)
        opened = pb.Opened(stream=number, generation_id=generation.id, next_index=index, beginning=beginning)
        self._answers.append(opened)
        stream.moved()

    def reads(self, number: int) -> bool:
        """Whether there is a stream of that number."""
        return number in self._streams

    def stretch(self, factor: float) -> None:
        """From now on all intervals are so many times as long as was asked for."""
        self._stretch = factor

    def refuse(self, number: int, failed: Failed) -> None:
        """Tell the edge that the stream of that number will not be."""
        self._answers.append(pb.Refused(stream=number, status=status(failed)))
        self._wake(True)

    def detach(self, number: int) -> None:
        """The edge's reader has left. A number that is not there has just ended: nothing to do."""
        self._leave(number, 0.0)

    def pause(self, number: int) -> None:
        """Send no text of that stream."""
        if number in self._streams:
            self._streams[number].paused = True

    def resume(self, number: int) -> None:
        """Send that stream's text again, what has come meanwhile first."""
        stream = self._streams.get(number)
        if stream:
            stream.paused = False
            stream.moved()

    def cancel(self, number: int) -> None:
        """Stop that stream's generation."""
        if number in self._streams:
            self._streams[number].generation.stop(STOPPED)

    def close(self) -> None:
        """The call has ended: its readers are away, and may come back."""
        for number in tuple(self._streams):
            self._leave(number, self._grace_s)

    def ready(self, stream: Stream) -> None:
        """That stream has news."""
        self._ready.append(stream)
        self._wake(stream.fresh or stream.generation.log.ending is not None)

    def frame(self, *, now: float) -> pb.WorkerFrame | None:
        """All that is due at `now`, up to a frame's size; the rest makes it wake again. None when there is nothing."""
        draft = FrameDraft()
        while self._answers and draft.room > 0:
            answer = self._answers.popleft()
            draft.add_opened(answer) if isinstance(answer, pb.Opened) else draft.add_refused(answer)
        ready, self._ready = self._ready + self._later.pop(now), []
        for position, stream in enumerate(ready):
            if draft.room <= 0:
                self._ready = ready[position:] + self._ready
                break
            if stream.paused or self._streams.get(stream.number) is not stream:
                stream.queued = False
            elif stream.due > now + ROUNDING_S and stream.generation.log.ending is None:
                self._later.add(stream, stream.due)
            else:
                self._read(stream, draft, now)
        if self._ready or self._answers:
            self._wake(True)
        return draft.build()

    def _read(self, stream: Stream, draft: FrameDraft, now: float) -> None:
        """Put the stream's news into the draft, the ending only behind all of its text."""
        log, before = stream.generation.log, stream.index
        stream.queued = False
        _read_section(stream, draft)
        while log.sections and stream.index < log.next_index and draft.room > 0:
            _read_section(stream, draft)  # each to the next label
        if stream.index > before:
            if stream.fresh:
                stream.fresh, stream.due = False, now
                _note_first(stream.generation, now)
            self._schedule(stream, now)
        if stream.index < log.next_index:
            stream.due = now
            stream.queued = True
            self._ready.append(stream)  # for the rest, which did not fit
        elif log.ending is not None:
            draft.add_ending(stream.number, log.ending)
            self._leave(stream.number, self._grace_s)

    def _leave(self, number: int, grace_s: float) -> None:
        stream = self._streams.pop(number, None)
        if stream:
            self._registry.leave(stream.generation, stream.moved, grace_s=grace_s)

    def _schedule(self, stream: Stream, now: float) -> None:
        """Look at it again one interval later, on a steady beat: a model that speaks will have spoken."""
        interval_s = stream.interval_s * self._stretch
        if interval_s > 0:
            stream.due = max(stream.due, now - LATE * interval_s) + interval_s
            stream.queued = True
            self._later.add(stream, stream.due)


def _note_first(generation: Generation, now: float) -> None:
    """Its first text leaves, if no other reader has had it."""
    if generation.story and generation.story.first_at is None:
        generation.story.first_at = now


def _read_section(stream: Stream, draft: FrameDraft) -> None:
    """Put the stream's next text into the draft, as far as it has one label, and that label if it is news."""
    log = stream.generation.log
    section = log.section_at(stream.index) if log.sections else None
    text, index = log.read(stream.index, max_chars=draft.room)
    if index > stream.index:
        if section and section is not stream.section:
            stream.section = section
            draft.add_label(section.label)
        stream.index = index
        draft.add_text(stream.number, text, index)
