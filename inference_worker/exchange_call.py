"""The exchange's shell: where it meets the event loop's clock and the gRPC call.

Two coroutines share a call. One obeys the edge's commands; the other writes a frame when the exchange has something and
the transport has taken the frame before: at once if it is urgent, else at the end of a tick, and at the latest after
the heartbeat's time, so that the edge can tell a slow model from a dead worker. Ticks are cut out of the clock, not
counted from what happened, so that all streams share them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import floor

from inference_worker.exchange import Exchange
from inference_worker.messages import models, pieces
from inference_worker.registry import Registry
from inference_worker.request import parse
from inference_worker.shelf import STOPPED, Generation
from inference_worker.status import Refused, invalid
from protos import inference_pb2 as pb

Write = Callable[[pb.WorkerFrame], Awaitable[None]]

BREATH_S = 0.002  # between two frames: what comes in a burst shares one, for a frame costs as much as fifty rows
BEGINNING_CHARS = 24_000  # half a frame: others want to be told something, too
TAKEN = invalid("stream", "The number of a stream is never used twice.").failed
LEAST_TICK_S = 0.001  # for readers with an interval, where a tick of 0 lets each frame out at once


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often frames go out."""

    tick_s: float  # text that is not urgent is gathered for up to so long
    heartbeat_s: float  # a frame goes out at least so often, and the worker's load with it
    reattach_window_s: float = 0.0  # what a broken call was reading, or had just read, waits so long for its edge


class ExchangeCall:
    """One edge's call, from its first frame to its end."""

    def __init__(self, registry: Registry, rhythm: Rhythm) -> None:
        self._registry = registry
        self._rhythm = rhythm
        self._traffic = registry.watching.traffic
        slot_s, grace_s = rhythm.tick_s or LEAST_TICK_S, rhythm.reattach_window_s
        self._exchange = Exchange(registry, self._wake, slot_s=slot_s, grace_s=grace_s)
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0  # uvloop's handle for what is due at once does not know its time
        self._ticking = False  # the timer's end is this tick's
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._load_due = 0.0

    async def serve(self, commands: AsyncIterator[pb.EdgeFrame], write: Write) -> None:
        """Run until the edge ends the call or leaves; then its readers leave."""
        obeying = asyncio.create_task(self._obey(commands))
        obeying.add_done_callback(lambda _: self._due.set())
        try:
            self._load_due = (
                asyncio.get_running_loop().time() + self._rhythm.heartbeat_s
            )  # a drain meanwhile is told next
            await write(pb.WorkerFrame(hello=self._hello(), load=self.load()))
            while not obeying.done():
                await self._write_next(write)
        finally:
            obeying.cancel()
            for task in self._opening.values():
                task.cancel()
            if self._timer:
                self._timer.cancel()
            self._exchange.close()

    def load(self) -> pb.Load:
        """How busy the worker is."""
        registry = self._registry
        limit = registry.limits.max_streams
        return pb.Load(running=registry.running, max_streams=limit, draining=registry.draining)

    def report_load(self) -> None:
        """Tell the edge now: something has changed that it should know."""
        self._load_due = 0.0
        self._due.set()

    def _hello(self) -> pb.Hello:
        return pb.Hello(worker_id=self._registry.worker_id, models=models(self._registry.models))

    def _wake(self, urgent: bool) -> None:
        if urgent:
            self._due.set()
        elif not self._ticking:
            self._ticking = True
            now, tick_s = asyncio.get_running_loop().time(), self._rhythm.tick_s
            self._arm((floor(now / tick_s) + 1) * tick_s if tick_s else now)

    def _arm(self, at: float) -> None:
        """Have a frame made at `at`, or earlier when that is to be already."""
        if self._timer:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = asyncio.get_running_loop().call_at(at, self._on_timer), at

    def _on_timer(self) -> None:
        self._timer = None
        self._ticking = False
        self._due.set()

    async def _write_next(self, write: Write) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(max(self._load_due, loop.time())):
                await self._due.wait()
        except TimeoutError:
            pass  # the heartbeat is due
        self._due.clear()
        frame = self._exchange.frame(now=loop.time())
        if loop.time() >= self._load_due:
            frame = frame or pb.WorkerFrame()
            frame.load.CopyFrom(self.load())
            self._load_due = loop.time() + self._rhythm.heartbeat_s
        if self._exchange.due is not None:
            self._arm(self._exchange.due)
        if frame:
            self._traffic.frames += 1
            self._traffic.rows += len(frame.text_stream)
            await write(frame)
            await asyncio.sleep(BREATH_S)

    async def _obey(self, frames: AsyncIterator[pb.EdgeFrame]) -> None:
        async for frame in frames:
            if frame.interval_percent:
                self._exchange.stretch(frame.interval_percent / 100)
            for command in frame.commands:
                if self._is_taken(command):
                    self._exchange.refuse(command.stream, TAKEN)
                else:
                    self._carry_out(command)

    def _is_taken(self, command: pb.Command) -> bool:
        """Whether it would begin a stream of a number that another one has, which nobody would end then."""
        begins = command.WhichOneof("action") in ("open", "attach")
        return begins and (command.stream in self._opening or self._exchange.reads(command.stream))

    def _carry_out(self, command: pb.Command) -> None:
        number, exchange, interval_s = command.stream, self._exchange, command.interval_ms / 1000
        match command.WhichOneof("action"):
            case "open":
                self._opening[number] = asyncio.create_task(self._open(number, command.open, interval_s))
            case "attach":
                self._attach(number, command.attach, interval_s)
            case "detach" if number in self._opening:
                self._opening.pop(number).cancel()
            case "cancel" if number in self._opening:
                self._opening.pop(number).cancel()
                exchange.refuse(number, STOPPED)
            case "detach":
                exchange.detach(number)
            case "cancel":
                exchange.cancel(number)
            case "pause":
                exchange.pause(number)
            case "resume":
                exchange.resume(number)
            case None:
                pass  # of a newer edge: what this worker does not know it can not do

    async def _open(self, number: int, request: pb.GenerateRequest, interval_s: float) -> None:
        try:
            asked = parse(request)
            if self._registry.has(asked.generation_id):  # moved here by another edge before
                generation = self._registry.find(asked.generation_id, asked.first_index, asked.owner)
            else:
                generation = await self._registry.start(asked)
        except Refused as refused:
            self._exchange.refuse(number, refused.failed)
        else:
            self._exchange.read(number, generation, asked.first_index, interval_s=interval_s)
        self._opening.pop(number, None)  # in the same step, so that no command can meet it half done

    def _attach(self, number: int, attach: pb.Attach, interval_s: float) -> None:
        try:
            generation = self._registry.find(attach.generation_id, attach.next_index, attach.owner)
        except Refused as refused:
            self._exchange.refuse(number, refused.failed)
        else:
            beginning = _beginning(generation, attach.next_index) if attach.with_beginning else None
            self._exchange.read(number, generation, attach.next_index, interval_s=interval_s, beginning=beginning)


def _beginning(generation: Generation, index: int) -> pb.Beginning | None:
    """How it began; None where that is not known here, or too long for a frame."""
    log = generation.log
    if log.first_index or log.chars + len(generation.asked) > BEGINNING_CHARS:
        return None
    beginning = pb.Beginning(request=generation.asked, text=log.before(index))
    if log.sections:
        beginning.pieces.extend(pieces(log, until=index))
    return beginning
