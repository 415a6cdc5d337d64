"""uvicorn's HTTP/1.1 connection, guarded, and with a short way out for the body of a stream.

Guarded, because the parser below (llhttp) is strict about almost everything that a proxy in front might read otherwise,
but takes heads of any length and any number of Host fields.

A short way out, because an ASGI send passes through every middleware's wrapper and a task that must be woken first: for
one event that costs several times the write itself. A stream whose response has begun may write its chunks here
instead. Head and end still go the long way, so that uvicorn knows all it must.
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 16_384
VERSIONS = ("1.0", "1.1")


class Malformed(Exception):
    """This request is not taken; uvicorn answers 400 and closes the connection."""


class Wire:
    """The short way out."""

    __slots__ = ("free", "watchers", "write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write
        self.free = True  # the client takes what is written: nothing piles up here
        self.watchers: list[Callable[[bool], None]] = []  # called with whether it has become free

    def change(self, free: bool) -> None:
        """Note it, and tell."""
        self.free = free
        for watch in tuple(self.watchers):
            watch(free)


class Connection(HttpToolsProtocol):
    """A request finds its wire in `scope["state"]["wire"]`."""

    _in_head = False
    _may_upgrade = False
    _head_bytes = 0  # of the fields that are whole, and of what came in reads that did not end the head

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """See asyncio."""
        super().connection_made(transport)
        self.wire = Wire(transport.write)
        self.app_state = self.app_state | {"wire": self.wire}

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio. The app learns of it a turn of the loop later; text that comes before must not be written."""
        super().connection_lost(exc)
        self.wire.change(False)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        version = self.parser.get_http_version()
        if version not in VERSIONS or hosts > 1 or (hosts == 0 and version == "1.1"):  # RFC 9112, sections 2.3 and 3.2
            raise Malformed
        # An upgrade takes the whole connection, so never from under a response that is still to come.
        idle = self.cycle is None or self.cycle.response_complete
        self._may_upgrade = idle and version == "1.1" and self.parser.get_method() == b"GET"
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        """Asked by uvicorn, several times a request. Else the field is ignored: RFC 9110, section 7.8."""
        return self._may_upgrade and super()._should_upgrade()

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self.wire.change(False)

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self.wire.change(True)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise Malformed
