"""Writes a stream's events the moment they fall due, without waking a task for it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from edge_proxy.core.events import Delta, Event
from edge_proxy.dialects.base import Encoder
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.wire import Wire


class Pump:
    """Stands between a stream and its wire until the stream's last event, which it leaves to who waits for it."""

    __slots__ = ("_encoder", "_last", "_stream", "_wire", "_write", "free")

    def __init__(self, stream: Stream, encoder: Encoder, wire: Wire) -> None:
        self.free = wire.free
        self._stream = stream
        self._encoder = encoder
        self._wire = wire
        self._write = wire.write
        self._last: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def run(self) -> bytes:
        """Write until the stream is closed; its last bytes, which leave with the end of the body."""
        self._wire.watchers.append(self._on_change)
        self._stream.listen(self)
        try:
            self._stream.poke()
            return await self._last
        finally:
            self._let_go()

    def on_delta(self, delta: Delta) -> None:
        """See `Listener`."""
        try:
            data = self._encoder.encode(delta, unix_s=time.time())
            if data:  # a chunk of nothing would end the body
                size = len(data)
                self._stream.sent_bytes += size
                self._write(b"%x\r\n%b\r\n" % (size, data))  # a chunk: RFC 9112, section 7.1
        except Exception as error:
            self._fail(error)

    def on_due(self, now: float) -> None:
        """Write what is due, if the client takes it: else it waits in the pacer, as one batch."""
        stream = self._stream
        if not (self.free or stream.failure):
            return
        try:
            events = stream.take(now)
            data = encode(self._encoder, events) if events else b""
            stream.sent_bytes += len(data)
            if stream.ending is not None and events:
                self._last.set_result(data)
            elif data:
                self._write(b"%x\r\n%b\r\n" % (len(data), data))
        except Exception as error:
            self._fail(error)

    def _on_change(self, free: bool) -> None:
        self.free = free
        if free:
            self._stream.poke()

    def _fail(self, error: Exception) -> None:
        self._let_go()
        self._last.set_exception(error)

    def _let_go(self) -> None:
        self._stream.listen(None)
        if self._on_change in self._wire.watchers:
            self._wire.watchers.remove(self._on_change)


def encode(encoder: Encoder, events: Sequence[Event], *, clock: Callable[[], float] = time.time) -> bytes:
    """The events' bytes, as of now."""
    unix_s = clock()
    if len(events) == 1:
        return encoder.encode(events[0], unix_s=unix_s)
    return b"".join([encoder.encode(event, unix_s=unix_s) for event in events])
