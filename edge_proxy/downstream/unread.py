"""Cuts the connection of a client that does not take what is written to it.

The transport says when it has bytes that the kernel does not take, from the first such byte on, and when all are gone.
If that lasts for the timeout, and the client has not taken 16 KiB meanwhile either, the connection is reset:

    the client                                 its connection
    ----------------------------------------   ------------------------------
    takes all within the timeout               stays
    takes a long answer, 16 KiB at least in    stays
      each stretch of that length
    takes nothing, or less                     is reset; nothing looks complete

So one timer for a connection that does not move, and none for one that does. It holds for closing, too: a transport
that is told to close waits for its last bytes to leave, for ever.
"""

import asyncio
import socket
import struct

MIN_TAKEN_BYTES = 16_384  # in one timeout: 0.8 KiB/s by default, less than a person reads in any language
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with a reset, and forget what is unsent


class Unread:
    """What one client has not taken. To be told by the transport's two calls."""

    __slots__ = ("_timeout_s", "_timer", "_transport", "_unsent_bytes")

    def __init__(self, transport: asyncio.Transport, timeout_s: float) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        # A transport that speaks TLS pauses at the limit, and not above it: at 0 it would with nothing to be sent.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)

    def begin(self) -> None:
        """There is something now that the client has not taken."""
        if self._timer is None:
            self._unsent_bytes = self._transport.get_write_buffer_size()
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._look)

    def end(self) -> None:
        """There is nothing any more, or nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._unsent_bytes - self._transport.get_write_buffer_size() >= MIN_TAKEN_BYTES:
            self.begin()
        else:
            reset(self._transport)


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a TCP reset, which a client can not mistake for the end of a response."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()
