"""One client's WebSocket: frames that ask, and the frames of its generations, side by side.

    reading  -> generate -> a task: open, then next() and send, until the stream's last event
             -> cancel   -> the stream fails, and its task says so
             -> a frame that is wrong -> a task that sends the error

Each task sends for itself, so one whose client does not read waits in its send, text gathers in its pacer, and past
some of it the worker pauses. The reading never sends, so that it always learns when the client leaves.

However the socket ends, all its generations are left at once:

    the end                                      close code
    ------------------------------------------   ----------
    the client closes, or the connection breaks  none of ours
    a flood of frames, or errors that it         1008
      does not read
    its key may not be used any more             3000
    the server goes away, and its generations    1001
      have ended, or a moment after it ended
      them
    a bug                                        1011
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from starlette.types import Receive, Send

from edge_proxy.core.allowance import Allowance
from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.dialects.socket_frames import SocketEncoder, refusal
from edge_proxy.dialects.socket_request import Asked, Cancel, Generate, Resume, Wrong, parse
from edge_proxy.downstream.close_codes import GOING_AWAY, INTERNAL_ERROR, POLICY_VIOLATION, REASONS, UNAUTHORIZED
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.streams import Streams

log = logging.getLogger(__name__)

BURST_FRAMES = 100  # more than a page has reason to send at once, with a generate and a cancel for every place
FRAMES_PER_S = 20.0  # above what a person's clicks make
MAX_UNSENT = 100  # errors that a client has caused and not read
LAST_PATIENCE_S = 0.4  # for last frames; with the line below less than the server waits, by EDGE_STOP_TIMEOUT_S
CLOSE_PATIENCE_S = 0.25  # for a close frame to get a place: who does not read gets none


@dataclass(slots=True, eq=False)
class Running:
    """One generation of a socket."""

    opening: Opening
    kept: bool  # by the worker, after its reader has left
    generation_id: str = ""  # once it is open


class Socket:
    """One socket, from its handshake to its end.

    Args:
        receive: See ASGI; the handshake's own message has been received.
        send: See ASGI.
        streams: Where generations are started.
        caller: Who opened it.
        max_streams: So many generations at once.
        resume_window_s: A resumable generation is kept so long without a reader.
        about: The request that it began with: its id, and the trace that it is part of.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        streams: Streams,
        *,
        caller: Caller,
        max_streams: int,
        resume_window_s: float,
        about: Mapping[str, str],
    ) -> None:
        self.caller = caller
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._asgi_send = send
        self._streams = streams
        self._max_streams = max_streams
        self._resume_window_s = resume_window_s
        self._about = about
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[int | None] = self._loop.create_future()  # the close code; None: the client left
        self._draining = False

    async def run(self) -> None:
        """Accept it, and carry it to its end."""
        try:
            await self._asgi_send({"type": "websocket.accept"})
        except OSError:  # it left before
            return
        self._start(self._read())
        try:
            code = await self._over
        finally:
            await self._stop()
        if code is not None:
            with contextlib.suppress(OSError):  # it left meanwhile, or does not read (TimeoutError is an OSError)
                async with asyncio.timeout(CLOSE_PATIENCE_S):
                    await self._asgi_send({"type": "websocket.close", "code": code, "reason": REASONS[code]})

    def drain(self) -> None:
        """The server goes away: close as soon as there is no generation."""
        self._draining = True
        if not self._running:
            self._end(GOING_AWAY)

    def end(self) -> None:
        """The server has ended all generations: close when they have said so, or in a moment."""
        self.drain()
        self._loop.call_later(LAST_PATIENCE_S, self._end, GOING_AWAY)

    def shut_out(self) -> None:
        """Its caller may not any more, and its generations have been ended: close when they have said so."""
        self._loop.call_later(LAST_PATIENCE_S, self._end, UNAUTHORIZED)

    async def _read(self) -> None:
        allowance = Allowance(burst=BURST_FRAMES, per_s=FRAMES_PER_S, now=self._loop.time())
        while not self._over.done():
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._end(None)
            elif not allowance.take(now=self._loop.time()):
                self._end(POLICY_VIOLATION)
            elif (text := message.get("text")) is None:
                self._refuse(Failure(Code.INVALID_REQUEST, "A frame is text, not binary."))
            else:
                self._carry_out(parse(text, resume_window_s=self._resume_window_s))

    def _carry_out(self, asked: Asked) -> None:
        match asked:
            case Generate(ref, request):
                asked_by = replace(request, caller=self.caller)
                self._begin(ref, lambda: self._streams.open([asked_by]), kept=request.resume_window_s > 0)
            case Cancel(ref):
                self._cancel(ref)
            case Resume(ref, cursor):
                self._begin(ref, lambda: self._streams.resume(cursor, self.caller), kept=True)
            case Wrong(ref, failure):
                self._refuse(failure, ref)
            case _:
                assert_never(asked)

    def _begin(self, ref: str, start: Callable[[], list[Opening]], *, kept: bool) -> None:
        if ref in self._running:
            self._refuse(Failure(Code.CONFLICT, "A generation of that ref still runs.", "ref"), ref)
        elif len(self._running) >= self._max_streams:
            message = f"A socket can have {self._max_streams:,} generations at once."
            self._refuse(Failure(Code.OVERLOADED, message), ref)
        else:
            try:
                [opening] = start()
            except Refused as refused:
                self._refuse(refused.failure, ref)
                return
            opening.begin("websocket", self._about)
            running = self._running[ref] = Running(opening, kept=kept)
            self._start(self._generate(ref, running))

    def _cancel(self, ref: str) -> None:
        running = self._running.get(ref)
        if running is None:
            self._refuse(Failure(Code.NOT_FOUND, "No generation of that ref runs.", "ref"), ref)
            return
        running.opening.stream.fail(Code.CANCELLED)
        if running.kept and running.generation_id:
            self._start(self._give_up(running.generation_id))

    async def _give_up(self, generation_id: str) -> None:
        with contextlib.suppress(Refused):  # it has ended meanwhile, or its worker has
            await self._streams.stop(generation_id, self.caller.owner)

    async def _generate(self, ref: str, running: Running) -> None:
        stream = running.opening.stream
        try:
            running.generation_id = await running.opening.open()
            encoder = SocketEncoder(running.generation_id, ref)
            await self._send(encoder.begin())
            while stream.ending is None:
                for event in await stream.next():
                    text = encoder.encode(event, unix_s=time.time())
                    stream.sent_bytes += len(text)
                    await self._send(text)
        except Refused as refused:
            self._streams.watching.refused(refused.failure.code)
            await self._send(refusal(refused.failure, ref))
        finally:
            self._let_go(ref)

    def _let_go(self, ref: str) -> None:
        running = self._running.pop(ref, None)
        if running:
            running.opening.close()
        if self._draining and not self._running:
            self._end(GOING_AWAY)

    def _refuse(self, failure: Failure, ref: str = "") -> None:
        self._streams.watching.refused(failure.code)
        if len(self._tasks) < self._max_streams + MAX_UNSENT:
            self._start(self._send(refusal(failure, ref)))
        else:
            self._end(POLICY_VIOLATION)

    async def _send(self, text: str) -> None:
        try:
            await self._asgi_send({"type": "websocket.send", "text": text})
        except OSError:  # ASGI's word for a client that has left
            self._end(None)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error:
            log.error("A socket failed.", exc_info=error)
            self._end(INTERNAL_ERROR)

    def _end(self, code: int | None) -> None:
        """End the socket, if it has not ended already."""
        if not self._over.done():
            self._over.set_result(code)

    async def _stop(self) -> None:
        """Leave all generations, at once; and the tasks, as soon as they have noticed."""
        for ref in tuple(self._running):
            self._let_go(ref)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
