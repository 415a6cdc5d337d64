"""What generations and their readers are, in the plainest words: the worker is held to this by test_log_model."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from inference_worker.engines.base import NO_TROUBLES, Finish, Model, Run, Sink
from inference_worker.exchange_call import ExchangeCall, Rhythm
from inference_worker.label import ANSWER, Label
from inference_worker.messages import label_message
from inference_worker.request import Request
from inference_worker.status import Code
from protos import inference_pb2 as pb
from tests.inference_worker import exchange_edge

GRACE_S = 3.0  # how long what a call was reading is kept when it breaks, and what has ended on it
RHYTHM = Rhythm(tick_s=0.01, heartbeat_s=5, reattach_window_s=GRACE_S)
CLOCK_S = 1e-4  # instants that the model sees are a little late


class Voice:
    """One run of the engine, which says what the test has it say."""

    def __init__(self) -> None:
        self.sink: Sink
        self.over: asyncio.Future[Finish] = asyncio.get_running_loop().create_future()

    async def play(self, sink: Sink) -> Finish:
        self.sink = sink
        return await self.over


class Voices:
    """An engine of such runs."""

    models = (Model(name="voice", engine="voices"),)
    capacity = 0
    troubles = NO_TROUBLES

    def __init__(self) -> None:
        self.last: Voice | None = None

    async def prepare(self, request: Request) -> Run:
        self.last = Voice()
        return Run(self.last.play)

    async def close(self) -> None:
        pass


@dataclass(eq=False)
class Told:
    """A generation: what it has said, how it ended, and who reads it."""

    window_s: float
    voice: Voice
    first: int = 0
    entries: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)  # of each entry
    label: Label = ANSWER  # of what follows
    ending: str | Code | None = None  # the finish reason, or how it failed
    readers: int = 0
    left: tuple[float, float] = (0.0, 0.0)  # when the last reader left, and how long it is kept from then on
    id: str = ""

    @property
    def next(self) -> int:
        return self.first + len(self.entries)

    def say(self, texts: Iterable[str]) -> None:
        for text in texts:
            if self.ending is None:
                self.entries.append(text)
                self.labels.append(self.label)
            self.voice.sink.push(text)

    def end(self, ending: str | Code) -> None:
        if self.ending is None:
            self.ending = ending

    def leave(self, now: float, grace_s: float) -> None:
        self.readers -= 1
        if now >= self.left[0]:
            self.left = now, max(self.window_s, grace_s)

    def kept(self, now: float) -> bool | None:
        """Whether it is held; None so near to its expiry that both are right."""
        rest_s = sum(self.left) - now
        if self.readers:
            return True
        return None if self.left[1] and abs(rest_s) < CLOCK_S else rest_s > 0

    def answer(self, index: int, now: float) -> Code | None:
        """What who wants to read from there is refused with; None: nothing."""
        if not self.kept(now):
            return Code.OUT_OF_RANGE
        if self.ending is not None and index == self.next + 1:
            return Code.FAILED_PRECONDITION
        return None if self.first <= index <= self.next else Code.INVALID_ARGUMENT


@dataclass(eq=False)
class Reader:
    """Who reads a generation, as the client's side sees it."""

    told: Told
    index: int
    interval_ms: int = 0
    label: pb.Label = field(default_factory=pb.Label)
    opened: bool = False
    paused: bool = False
    ended: bool = False

    def take(self, text: str, index: int) -> None:
        """A row of text: what the generation said from where this one stands, no more and no less."""
        assert self.opened
        assert not self.ended, "text behind the end"
        assert self.index < index <= self.told.next
        places = slice(self.index - self.told.first, index - self.told.first)
        assert text == "".join(self.told.entries[places]), "a gap, or something twice"
        assert all(self.label == label_message(label) for label in self.told.labels[places])
        self.index = index

    def end(self, ending: pb.Ending) -> None:
        """The ending, behind all text."""
        assert self.opened
        assert not self.ended, "a second ending"
        assert self.index == self.told.next, "text is lost"
        finished = ending.WhichOneof("outcome") == "finished"
        assert (ending.finished.finish_reason if finished else ending.failed.code) == self.told.ending
        self.ended = True


@dataclass
class Client:
    """An edge's end of one call: frames that were sent, and those that have arrived."""

    readers: dict[int, Reader] = field(default_factory=dict)  # whom the client's side reads for
    at_worker: dict[int, Reader] = field(default_factory=dict)  # whom the worker reads for
    expected: dict[int, Code] = field(default_factory=dict)  # refusals to come
    on_the_way: list[pb.WorkerFrame] = field(default_factory=list)

    def read(self, number: int, reader: Reader) -> None:
        """Under that number it is read from now on."""
        self.readers[number] = self.at_worker[number] = reader
        reader.told.readers += 1

    def sent(self, frame: pb.WorkerFrame, now: float) -> None:
        """The worker has let go of a frame, and of readers whose endings are in it."""
        self.on_the_way.append(frame)
        for ending in frame.endings:
            self.at_worker.pop(ending.stream).told.leave(now, GRACE_S)

    def hear(self) -> None:
        """All that is on the way arrives."""
        for frame in self.on_the_way:
            for opened in frame.opened:
                self._open(opened)
            for refused in frame.refused:
                assert self.expected.pop(refused.stream) == refused.status.code
            for number, text, index in self._rows(frame):
                if number in self.readers:  # else it has left, and the worker did not know
                    self.readers[number].take(text, index)
            for ending in frame.endings:
                if ending.stream in self.readers:
                    self.readers.pop(ending.stream).end(ending)
        self.on_the_way.clear()

    def _open(self, opened: pb.Opened) -> None:
        reader = self.readers.get(opened.stream)
        if reader:
            assert opened.next_index == reader.index
            assert reader.told.id in ("", opened.generation_id)
            reader.told.id, reader.opened = opened.generation_id, True

    def _rows(self, frame: pb.WorkerFrame) -> Iterator[tuple[int, str, int]]:
        labels = {item.row: item.label for item in frame.labels}
        rows = zip(frame.text_stream, frame.text, frame.text_next_index, strict=True)
        for place, (number, text, index) in enumerate(rows):
            if place in labels and number in self.readers:
                self.readers[number].label = labels[place]
            yield number, text, index


class Edge(exchange_edge.Edge):
    """One edge's call, and the model of it."""

    def __init__(self, call: ExchangeCall) -> None:
        super().__init__(call)
        self.takes.set()
        self.client = Client()
        self.serving = asyncio.create_task(call.serve(self.commands(), self.write))

    async def write(self, frame: pb.WorkerFrame) -> None:
        self.client.sent(frame, asyncio.get_running_loop().time())
        await self.takes.wait()
