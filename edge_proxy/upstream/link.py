"""One worker, as the edge sees it: the gRPC call that is kept open to it, and what it says of itself.

    CONNECTING -- Hello --> READY -- call broken, or silent for too long --> CONNECTING (after a pause that grows)

Here the exchange meets gRPC and the clock. A call is cancelled whenever it is left: gRPC itself forgets to.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.upstream.channel import Connect, make_channel
from edge_proxy.upstream.exchange import Answered, Exchange, NumberedSource, Route
from edge_proxy.upstream.room import Room
from edge_proxy.upstream.standing import Standing
from edge_proxy.upstream.translate import to_failure
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc

log = logging.getLogger(__name__)

BREATH_S = 0.002  # between two frames of commands: those of a burst share one
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTimers:
    """How long a worker may take."""

    connect_s: float  # from the start of a call to its Hello
    silence_s: float  # without any frame, before the worker counts as lost
    answer_s: float  # to say whether a generation is opened


class WorkerLink:
    """The connection to one worker's address, made again whenever it breaks."""

    def __init__(self, address: str, timers: LinkTimers, *, connect: Connect = make_channel) -> None:
        self.address = address
        self.worker_id = ""  # "" until it has said hello, and when it is lost
        self.models: tuple[pb.Model, ...] = ()
        self.load = pb.Load()
        self.room = Room()
        self._timers = timers
        self._wake = asyncio.Event()
        self.standing = Standing(address)
        self._exchange = Exchange(self._wake.set, self.standing)
        self._interval_percent = 100
        self._awaited: list[asyncio.Future[bool]] = []  # who wants to know what comes of connecting
        self.silent = False  # it was lost last because it said nothing, which takes long to try again
        self._channel = connect(address)
        self._stub = rpc.AIAgentServiceStub(self._channel)

    @property
    def connected(self) -> bool:
        """It has said hello, and is not lost."""
        return bool(self.worker_id)

    @property
    def ready(self) -> bool:
        """It is connected and takes new generations."""
        return self.connected and not self.load.draining and not self.standing.leaving

    @property
    def streams(self) -> int:
        """How many streams this edge reads from it."""
        return len(self._exchange)

    async def open(self, request: pb.GenerateRequest, route: Route, *, interval_s: float = 0.0) -> Answered:
        """Start a generation for a reader who wants text every so often.

        Raises:
            Refused: The worker does not take it, is lost, or does not answer in time.
        """
        self.standing.begin(route)
        return await self._answered(route, lambda exchange: exchange.open(request, route, interval_s=interval_s))

    async def attach(self, attach: pb.Attach, route: Route, *, interval_s: float = 0.0) -> Answered:
        """Read a generation that is there.

        Raises:
            Refused: The worker does not have it, or not so; it is lost, or does not answer in time.
        """
        return await self._answered(route, lambda exchange: exchange.attach(attach, route, interval_s=interval_s))

    async def _answered(self, route: Route, ask: Callable[[Exchange], int]) -> Answered:
        exchange, reports = self._exchange, self.room.reports
        answered: asyncio.Future[pb.Opened | Failure] = asyncio.get_running_loop().create_future()

        def on_answer(answer: pb.Opened | Failure) -> None:
            if not answered.done():  # cancelled, or timed out in this very turn of the loop
                answered.set_result(answer)

        route.answer = on_answer
        number = ask(exchange)
        try:
            async with asyncio.timeout(self._timers.answer_s):
                answer = await answered
        except TimeoutError:
            self.standing.failed("no answer in time")
            exchange.leave(number)
            raise Refused(Failure(Code.WORKER_UNAVAILABLE, "The worker did not answer in time.")) from None
        except asyncio.CancelledError:
            exchange.leave(number)
            raise
        if isinstance(answer, Failure):
            if answer.code is Code.OVERLOADED:
                self.room.refused(mine=self.streams, since=reports)
            raise Refused(answer)
        return Answered(answer, NumberedSource(exchange, number))

    async def returned(self) -> bool:
        """Wait for what comes of the next attempt to connect: whether it is there again."""
        if not self.connected:
            attempt: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._awaited.append(attempt)
            return await attempt
        return True

    def stretch(self, percent: int) -> None:
        """Have all streams' intervals count so many percent, those to come included."""
        if percent != self._interval_percent:
            self._interval_percent = percent
            self._exchange.stretch(percent)

    async def cancel(self, generation_id: str, owner: str = "") -> None:
        """Stop a generation of that owner, whoever reads it.

        Raises:
            Refused: There is none of that id and owner, or the worker is lost.
        """
        request = pb.CancelGenerationRequest(generation_id=generation_id, owner=owner)
        try:
            await self._stub.CancelGeneration(request, timeout=self._timers.answer_s)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE):
                raise Refused(Failure(Code.NOT_FOUND, "There is no such generation.")) from None
            raise Refused(to_failure(error.code().value[0], error.details() or "")) from None

    async def run(self) -> None:
        """Keep the exchange open until cancelled."""
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                if await self._converse():
                    pause_s = FIRST_PAUSE_S
                if _cancelling():  # gRPC loses a cancellation that meets the very beginning of a call
                    raise asyncio.CancelledError
                # Half to all of it, at random: edges that lost a worker together do not come back together.
                await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            self._tell(False)
            await self._channel.close()

    async def _converse(self) -> bool:
        """One call, until it ends. Whether the worker said hello."""
        self.silent = False
        call: Any = self._stub.Exchange()  # stubs do not know its read() and write()
        writing = asyncio.create_task(self._write(call))
        try:
            async with asyncio.timeout(self._timers.connect_s):
                await self._greet(call)
            await self._read(call)
        except TimeoutError:
            self.silent = True
            self.standing.silent(known=self.connected)
        except grpc.aio.AioRpcError as error:
            self.standing.broken(error, known=self.connected)
        except Exception:  # a frame that is none: whatever it does to us, we connect again
            self.standing.unreadable()
        finally:
            call.cancel()
            writing.cancel()
            greeted = self._lose()
        return greeted

    async def _greet(self, call: Any) -> None:
        frame = await call.read()
        if frame is grpc.aio.EOF or not frame.HasField("hello"):
            raise TimeoutError
        self.models = tuple(frame.hello.models)
        self._hear(frame.load)
        self.worker_id = self.standing.greeted(frame.hello.worker_id)
        self._tell(True)
        log.info("The worker at %s is %s: %s.", self.address, self.worker_id, ", ".join(m.name for m in self.models))

    async def _read(self, call: Any) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as silence:
            while True:
                silence.reschedule(loop.time() + self._timers.silence_s)
                frame = await call.read()
                if frame is grpc.aio.EOF:
                    return
                self._exchange.receive(frame, now=loop.time())
                if frame.HasField("load"):
                    self._hear(frame.load)

    def _hear(self, load: pb.Load) -> None:
        self.load = load
        self.room.report(running=load.running, places=load.max_streams, mine=self.streams)

    async def _write(self, call: Any) -> None:
        # The read on the same call meets the same end, and tells of it.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                frame = self._exchange.take()
                if frame:
                    await call.write(frame)
                    await asyncio.sleep(BREATH_S)

    def _tell(self, there: bool) -> None:
        awaited, self._awaited = self._awaited, []
        for attempt in awaited:
            if not attempt.done():
                attempt.set_result(there)

    def _lose(self) -> bool:
        """The call is over: a new exchange for the next one. Whether there had been a hello."""
        greeted = bool(self.worker_id)
        if greeted and not _cancelling():  # else it is the edge that goes
            log.warning("The worker %s at %s is lost, with %d streams.", self.worker_id, self.address, self.streams)
        self.worker_id = ""
        if not greeted:
            self._tell(False)
        self.standing.lost(streams=self.streams)
        exchange, self._exchange = self._exchange, Exchange(self._wake.set, self.standing)
        if self._interval_percent != 100:
            self._exchange.stretch(self._interval_percent)
        exchange.lost(now=asyncio.get_running_loop().time())
        return greeted


def _cancelling() -> bool:
    """Whether this very task is asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
