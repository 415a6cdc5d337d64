"""Writes a stream's events the moment they fall due, without waking a task for it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from edge_proxy.core.events import Event
from edge_proxy.dialects.base import Encoder
from edge_proxy.downstream.connection import Connection
from edge_proxy.downstream.stream import Stream


class Pump:
    """Stands between a stream and its connection until the stream's last event, which it leaves to who waits for it."""

    __slots__ = ("_connection", "_encoder", "_last", "_stream")

    def __init__(self, stream: Stream, encoder: Encoder, connection: Connection) -> None:
        self._stream = stream
        self._encoder = encoder
        self._connection = connection
        self._last: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def run(self) -> bytes:
        """Write until the stream is closed; its last bytes, which leave with the end of the body."""
        self._connection.on_writable = self.turn
        self._stream.listen(self.turn)
        try:
            self.turn()
            return await self._last
        finally:
            self._stream.listen(None)
            self._connection.on_writable = None

    def turn(self) -> None:
        """Write what is due, if the client takes it: else it waits in the pacer, as one batch."""
        if self._last.done() or not (self._connection.writable or self._stream.failure):
            return
        try:
            self._write(self._stream.take())
        except Exception as error:
            self._last.set_exception(error)

    def _write(self, events: Sequence[Event]) -> None:
        if self._stream.closed:
            self._last.set_result(encode(self._encoder, events))
        elif events:
            self._connection.write_chunk(encode(self._encoder, events))


def encode(encoder: Encoder, events: Sequence[Event], *, clock: Callable[[], float] = time.time) -> bytes:
    """The events' bytes, as of now."""
    unix_s = clock()
    if len(events) == 1:
        return encoder.encode(events[0], unix_s=unix_s)
    return b"".join([encoder.encode(event, unix_s=unix_s) for event in events])
