"""One edge's exchange: the logs of many generations, turned into few frames.

    log moved -> its stream is ready -> wake(urgent?) -> the shell calls frame() when the transport can take one

A frame holds, for every stream that is ready, all text since the stream's index. So an edge that takes frames slowly
gets fewer and fuller ones, and nothing is queued for it here. Urgent is what a reader waits for: the answer to a
command, the first token, the ending. The rest may wait for the shell's tick, so that one frame serves many streams.
"""

from collections.abc import Callable

from inference_worker.generation import Finished
from inference_worker.registry import Generation, Registry
from inference_worker.status import Failed
from protos import inference_pb2 as pb

FRAME_CHARS = 48_000  # at most 4 bytes each: with its indices a frame stays below the 256 KiB that an edge takes


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
        if not self.queued and not self.paused:
            self.queued = True
            self._exchange.ready(self)


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
        self._answers = pb.WorkerFrame()  # Opened and Refused that wait for the next frame

    def read(self, number: int, generation: Generation, index: int) -> None:
        """Have the stream of that number read the generation from `index`, and tell the edge so."""
        stream = self._streams[number] = Stream(self, number, generation, index)
        self._registry.join(generation, stream.moved)
        self._answers.opened.add(stream=number, generation_id=generation.id, next_index=index)
        stream.moved()

    def refuse(self, number: int, failed: Failed) -> None:
        """Tell the edge that the stream of that number will not be."""
        self._answers.refused.add(stream=number, status=status(failed))
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

    def frame(self) -> pb.WorkerFrame | None:
        """All that is ready, up to a frame's size; the rest makes it wake again. None when there is nothing."""
        frame, self._answers = self._answers, pb.WorkerFrame()
        ready, self._ready = self._ready, []
        numbers: list[int] = []
        texts: list[str] = []
        indices: list[int] = []
        room = FRAME_CHARS
        for position, stream in enumerate(ready):
            if room <= 0:
                self._ready = ready[position:] + self._ready
                self._wake(True)
                break
            stream.queued = False
            if stream.paused or self._streams.get(stream.number) is not stream:
                continue
            text, index = stream.generation.log.read(stream.index, max_chars=room)
            if index > stream.index:
                stream.fresh = False
                stream.index = index
                room -= len(text)
                numbers.append(stream.number)
                texts.append(text)
                indices.append(index)
            self._end(stream, frame)
        frame.text_stream.extend(numbers)
        frame.text.extend(texts)
        frame.text_next_index.extend(indices)
        return frame if numbers or frame.endings or frame.opened or frame.refused else None

    def _end(self, stream: Stream, frame: pb.WorkerFrame) -> None:
        """Say how the generation ended, if all of it is read; or come back for the rest that did not fit."""
        log = stream.generation.log
        if stream.index < log.next_index:
            stream.moved()
        elif log.ending is not None:
            if isinstance(log.ending, Finished):
                frame.endings.add(stream=stream.number, finished=finished(log.ending))
            else:
                frame.endings.add(stream=stream.number, failed=status(log.ending))
            self.detach(stream.number)


def finished(ending: Finished) -> pb.Finished:
    """The ending as a message."""
    usage = pb.Usage(prompt_tokens=ending.prompt_tokens, completion_tokens=ending.completion_tokens)
    return pb.Finished(finish_reason=ending.finish_reason, usage=usage)


def status(failed: Failed) -> pb.Status:
    """The failure as a message."""
    return pb.Status(code=failed.code, message=failed.message, field=failed.field)
