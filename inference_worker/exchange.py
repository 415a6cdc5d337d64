"""One edge's exchange: the logs of many generations, turned into few frames.

    log moved -> its stream is ready -> wake(urgent?) -> the shell calls frame() when the transport can take one

A frame holds, for every stream that is ready, all text since the stream's index. So an edge that takes frames slowly
gets fewer and fuller ones, and nothing is queued for it here. Urgent is what a reader waits for: the answer to a
command, the first token, the ending. The rest may wait for the shell's tick, so that one frame serves many streams.
"""

from collections import deque
from collections.abc import Callable

from inference_worker.frame import FrameDraft
from inference_worker.messages import status
from inference_worker.registry import Generation, Registry
from inference_worker.status import Failed
from protos import inference_pb2 as pb


class Stream:
    """One reader of one generation, on behalf of the edge that numbered it."""

    __slots__ = ("_exchange", "fresh", "generation", "index", "number", "paused", "queued")

    def __init__(self, exchange: "Exchange", number: int, generation: Generation, index: int) -> None:
        self.number = number
        self.generation = generation
        self.index = index
        self.paused = False
        self.queued = False
        self.fresh = True  # nothing sent yet: the first token is urgent
        self._exchange = exchange

    def moved(self) -> None:
        """There is news in the log."""
        if self.paused:
            return
        if not self.queued:
            self.queued = True
            self._exchange.ready(self)
        elif self.generation.log.ending is not None:
            self._exchange.hurry()


class Exchange:
    """The streams of one call.

    Args:
        registry: Where generations are joined and left.
        wake: Called with whether it is urgent, when there is something for a frame.
    """

    def __init__(self, registry: Registry, wake: Callable[[bool], None]) -> None:
        self._registry = registry
        self._wake = wake
        self._streams: dict[int, Stream] = {}
        self._ready: list[Stream] = []
        self._answers: deque[pb.Opened | pb.Refused] = deque()

    def read(self, number: int, generation: Generation, index: int) -> None:
        """Have the stream of that number read the generation from `index`, and tell the edge so."""
        stream = self._streams[number] = Stream(self, number, generation, index)
        self._registry.join(generation, stream.moved)
        self._answers.append(pb.Opened(stream=number, generation_id=generation.id, next_index=index))
        stream.moved()

    def refuse(self, number: int, failed: Failed) -> None:
        """Tell the edge that the stream of that number will not be."""
        self._answers.append(pb.Refused(stream=number, status=status(failed)))
        self._wake(True)

    def detach(self, number: int) -> None:
        """The edge's reader has left. A number that is not there has just ended: nothing to do."""
        stream = self._streams.pop(number, None)
        if stream:
            self._registry.leave(stream.generation, stream.moved)

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
            self._registry.cancel(self._streams[number].generation.id)

    def close(self) -> None:
        """The call has ended: its readers leave."""
        for number in tuple(self._streams):
            self.detach(number)

    def ready(self, stream: Stream) -> None:
        """That stream has news."""
        self._ready.append(stream)
        self._wake(stream.fresh or stream.generation.log.ending is not None)

    def hurry(self) -> None:
        """What is ready has become urgent."""
        self._wake(True)

    def frame(self) -> pb.WorkerFrame | None:
        """All that is ready, up to a frame's size; the rest makes it wake again. None when there is nothing."""
        draft = FrameDraft()
        while self._answers and draft.room > 0:
            answer = self._answers.popleft()
            draft.add_opened(answer) if isinstance(answer, pb.Opened) else draft.add_refused(answer)
        ready, self._ready = self._ready, []
        for position, stream in enumerate(ready):
            if draft.room <= 0:
                self._ready = ready[position:] + self._ready
                break
            stream.queued = False
            if not stream.paused and self._streams.get(stream.number) is stream:
                self._read(stream, draft)
        if draft.room <= 0:
            self._wake(True)
        return draft.build()

    def _read(self, stream: Stream, draft: FrameDraft) -> None:
        """Put the stream's news into the draft, the ending only behind all of its text."""
        log = stream.generation.log
        text, index = log.read(stream.index, max_chars=draft.room)
        if index > stream.index:
            stream.fresh = False
            stream.index = index
            draft.add_text(stream.number, text, index)
        if index < log.next_index:
            stream.moved()  # for the rest, which did not fit
        elif log.ending is not None:
            draft.add_ending(stream.number, log.ending)
            self.detach(stream.number)
