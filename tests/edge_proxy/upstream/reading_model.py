"""Workers in the plainest words, behind a channel that is none: what links and readings are held to by
test_reading_model."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import grpc

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Label, Outcome
from protos import inference_pb2 as pb

ENTRIES = ("a", "\U0001f989", "", "bc ")  # every generation says these, round and round
NOT_FOUND, INVALID_ARGUMENT = 5, 3  # of google.rpc.Code


def said(begin: int, end: int) -> str:
    """What every generation says between two indices."""
    return "".join(ENTRIES[index % len(ENTRIES)] for index in range(begin, end))


class Complaints(list[str]):
    """What is wrong. It is gathered, because links go on whatever is raised at them."""

    def unless(self, fine: bool, what: str) -> None:
        if not fine:
            self.append(what)


class Reader:
    """Checks what it is told: all of it, in order, and one end."""

    def __init__(self, complaints: Complaints) -> None:
        self.index = 0
        self.ending: Outcome | Failure | None = None
        self.left = False
        self._unless = complaints.unless

    def push(self, text: str, next_index: int, *, now: float) -> None:
        self._unless(not self.left, "text for who has left")
        self._unless(self.ending is None, "text behind the end")
        self._unless(next_index > self.index, "an index that does not rise")
        self._unless(text == said(self.index, next_index), "a gap, or something twice")
        self.index = next_index

    def label(self, label: Label) -> None:
        self._unless(False, "a label where nothing is labelled")

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        self._unless(not self.left, "an end for who has left")
        self._unless(self.ending is None, "a second end")
        if isinstance(ending, Outcome):
            self._unless(ending.usage.completion_tokens == self.index, "text is lost")
        self.ending = ending


class Call:
    """One exchange call, as a link sees it."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._coming: asyncio.Queue[pb.WorkerFrame | None] = asyncio.Queue()

    async def read(self) -> pb.WorkerFrame:
        frame = await self._coming.get()
        if frame is None:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return frame

    async def write(self, frame: pb.EdgeFrame) -> None:
        if self._worker.call is self:
            for command in frame.commands:
                self._worker.obey(command)

    def cancel(self) -> None:
        if self._worker.call is self:
            self._worker.forget_call()

    def send(self, frame: pb.WorkerFrame | None) -> None:
        self._coming.put_nowait(frame)


@dataclass
class Reading:
    """A generation at a worker, read from there on."""

    generation_id: str
    index: int
    opened: bool = False


@dataclass
class Worker:
    """Has generations, and says of them what a test wants said.

    Attributes:
        up: It takes calls.
        frozen: It takes them, and what it says lies there until it thaws.
        generations: How far each has come.
    """

    name: str
    complaints: Complaints
    up: bool = True
    frozen: bool = False
    life: int = 0
    call: Call | None = None
    generations: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    readings: dict[int, Reading] = field(default_factory=dict)
    answers: list[pb.WorkerFrame] = field(default_factory=list)
    unsent: list[pb.WorkerFrame] = field(default_factory=list)

    def exchange(self, *_: object, **__: object) -> Call:
        """A call comes in."""
        self.forget_call()
        self.call = Call(self)
        call = self.call
        if self.up:
            hello = pb.Hello(worker_id=f"{self.name}x{self.life}", models=[pb.Model(name="m", supports_continue=True)])
            self.send(pb.WorkerFrame(hello=hello, load=pb.Load(max_streams=100)))
        else:
            self.hang_up()
        return call

    def forget_call(self) -> None:
        self.call = None
        self.readings.clear()
        self.answers.clear()
        self.unsent.clear()

    def hang_up(self) -> None:
        if self.call:
            self.call.send(None)
            self.forget_call()

    def thaw(self) -> None:
        self.frozen = False
        unsent, self.unsent = self.unsent, []
        for frame in unsent:
            self.send(frame)

    def send(self, frame: pb.WorkerFrame) -> None:
        if self.frozen:
            self.unsent.append(frame)
        elif self.call:
            self.call.send(frame)

    def obey(self, command: pb.Command) -> None:
        match command.WhichOneof("action"):
            case "open":
                begun = command.open.continuation
                self._check(begun)
                name = begun.generation_id or f"{self.name}x{self.life}-{len(self.generations)}"
                self.generations.setdefault(name, begun.next_index)
                self._read(command.stream, name, begun.next_index)
            case "attach":
                self._read(command.stream, command.attach.generation_id, command.attach.next_index)
            case "detach":
                self.readings.pop(command.stream, None)

    def _read(self, number: int, name: str, index: int) -> None:
        code = NOT_FOUND if name not in self.generations else INVALID_ARGUMENT
        if index > self.generations.get(name, -1):
            self.answers.append(pb.WorkerFrame(refused=[pb.Refused(stream=number, status=pb.Status(code=code))]))
            return
        self.readings[number] = Reading(name, index)
        opened = pb.Opened(stream=number, generation_id=name, next_index=index)
        self.answers.append(pb.WorkerFrame(opened=[opened]))

    def answer(self, *, with_text: int = 0) -> None:
        """Send all answers, each with so much text behind it in the same frame."""
        answers, self.answers = self.answers, []
        for frame in answers:
            for opened in frame.opened:
                reading = self.readings.get(opened.stream)
                if reading:
                    reading.opened = True
                    self._say(opened.stream, with_text, frame)
            self.send(frame)

    def say(self, number: int, count: int) -> None:
        """A row of so many entries, made now if they are not there yet."""
        frame = pb.WorkerFrame()
        self._say(number, count, frame)
        self.send(frame)

    def _say(self, number: int, count: int, frame: pb.WorkerFrame) -> None:
        reading = self.readings[number]
        end = reading.index + count
        if reading.generation_id in self.ended:
            end = min(end, self.generations[reading.generation_id])
        if end > reading.index:
            self.generations[reading.generation_id] = max(end, self.generations[reading.generation_id])
            frame.text_stream.append(number)
            frame.text.append(said(reading.index, end))
            frame.text_next_index.append(end)
            reading.index = end

    def finish(self, number: int) -> None:
        """Its generation has ended: the rest, and the end."""
        reading = self.readings.pop(number)
        end = self.generations[reading.generation_id]
        self.ended.add(reading.generation_id)
        frame = pb.WorkerFrame()
        if end > reading.index:
            frame.text_stream.append(number)
            frame.text.append(said(reading.index, end))
            frame.text_next_index.append(end)
        usage = pb.Usage(completion_tokens=end)
        frame.endings.add(stream=number, finished=pb.Finished(finish_reason="stop", usage=usage))
        self.send(frame)

    def _check(self, begun: pb.Continuation) -> None:
        """What another worker is told of the text so far."""
        self.complaints.unless(begun.text == said(0, begun.next_index), "another text than was said")
        place = 0
        for piece in begun.pieces:
            place += piece.chars
            self.complaints.unless(begun.text[:place] == said(0, piece.next_index), "readers could not stand here")
        self.complaints.unless(place == len(begun.text), "a text without its pieces")


class Channel:
    """Leads to one worker, without gRPC."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def stream_stream(self, *_: object, **__: object) -> Any:
        return self._worker.exchange

    def unary_unary(self, *_: object, **__: object) -> Any:
        return None

    unary_stream = unary_unary

    async def close(self) -> None:
        pass
