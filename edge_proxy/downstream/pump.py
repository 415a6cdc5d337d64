"""Writes a stream's events the moment they fall due, without waking a task for it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from edge_proxy.core.events import Event
from edge_proxy.dialects.base import Encoder
from edge_proxy.downstream.connection import Wire
from edge_proxy.downstream.stream import Stream


class Pump:
    """Stands between a stream and its wire until the stream's last event, which it leaves to who waits for it."""

    __slots__ = ("_encoder", "_last", "_stream", "_wire")

    def __init__(self, stream: Stream, encoder: Encoder, wire: Wire) -> None:
        self._stream = stream
        self._encoder = encoder
        self._wire = wire
        self._last: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def run(self) -> bytes:
        """Write until the stream is closed; its last bytes, which leave with the end of the body."""
        self._wire.on_free = self._stream.poke
        self._stream.listen(self.turn)
        try:
            self._stream.poke()
            return await self._last
        finally:
            self._let_go()

    def turn(self, now: float) -> None:
        """Write what is due, if the client takes it: else it waits in the pacer, as one batch."""
        stream, wire = self._stream, self._wire
        if wire.full and not stream.failure:
            return
        try:
            events = stream.take(now)
            if events and not stream.closed:
                data = encode(self._encoder, events)
                wire.write(b"%x\r\n%b\r\n" % (len(data), data))  # a chunk: RFC 9112, section 7.1
            elif events:
                self._last.set_result(encode(self._encoder, events))
        except Exception as error:
            self._let_go()
            self._last.set_exception(error)

    def _let_go(self) -> None:
        self._stream.listen(None)
        self._wire.on_free = None


def encode(encoder: Encoder, events: Sequence[Event], *, clock: Callable[[], float] = time.time) -> bytes:
    """The events' bytes, as of now."""
    unix_s = clock()
    if len(events) == 1:
        return encoder.encode(events[0], unix_s=unix_s)
    return b"".join([encoder.encode(event, unix_s=unix_s) for event in events])
