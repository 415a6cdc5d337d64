"""uvicorn's HTTP/1.1 connection, guarded.

Guarded, because uvicorn waits for a client as long as it likes, and takes heads of any length:

    the client                                     what it gets
    --------------------------------------------   -------------------------------------------------
    does not finish a head, or a body, in time     408 and the end; the end alone if it said nothing
    sends a head that is malformed, or too long    400 and the end
    does the same behind a request that is being   that answer, and then the end
      answered
    is one too many                                503 and the end
    does not take what is written                  a reset (`unread.py`)

The clock runs only while it is the client that is waited for, so that none of it touches a stream.

And it gives every request the short way out (`wire.py`).
"""

import asyncio
import enum
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from edge_proxy.downstream.guard import Guarded, is_sound, refusal
from edge_proxy.downstream.offers import Parser, spell_without_offer
from edge_proxy.downstream.unread import Unread
from edge_proxy.downstream.wire import Wire

MAX_HEAD_BYTES = 16_384
RETRY_AFTER = b"retry-after: 1\r\n"  # some connection ends every moment

log = logging.getLogger(__name__)
log.setLevel(logging.ERROR)  # uvicorn's line for each bad request would let anybody fill the log


class Malformed(Exception):
    """This request is not taken; uvicorn answers 400 and closes the connection."""


class Awaited(enum.Enum):
    """What the client has still to send."""

    HEAD = enum.auto()
    BODY = enum.auto()
    NOTHING = enum.auto()  # a request is whole, or the connection is no longer ours


class Connection(Guarded, HttpToolsProtocol):
    """One client's, until it ends or becomes a WebSocket."""

    _awaited = Awaited.HEAD
    _turned = False  # what is awaited has changed since a timer was thought of
    _timer: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None  # the last that was begun to be answered
    _heard = False  # anything at all
    _deaf = False  # all that still comes is dropped
    _may_upgrade = False
    _without_offer: bytes | None = None  # a head that is to be parsed anew
    _moved = False  # this read has ended a head, or brought some body, or ended it
    _idle_bytes = 0  # of the reads since one that has
    _field_bytes = 0  # of a head or a trailer, without the spaces that nobody needs

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """See asyncio."""
        super().connection_made(transport)
        self.logger = log
        self.parser = Parser(self)  # type: ignore[assignment]  # as much of it as uvicorn uses
        self.unread = Unread(transport, self.terms.slow_reader_timeout_s)
        self.wire = Wire(transport.write)
        self.app_state = self.app_state | {"wire": self.wire}
        if len(self.connections) > self.terms.max_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.", RETRY_AFTER)
        else:
            self._mind()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio. The app learns of it a turn of the loop later; text that comes before must not be written."""
        self.unread.end()
        self._stop_timer()
        super().connection_lost(exc)
        self.wire.change(False)

    def data_received(self, data: bytes) -> None:
        """See asyncio. A head of up to 16 KiB is taken, however it is cut; a longer one is not, in one read either."""
        begin = 0
        while begin < len(data) and not self._deaf:
            end = begin + MAX_HEAD_BYTES - self._idle_bytes
            self._take(data[begin:end])
            begin = end
        if self._turned:
            self._mind()

    def _take(self, data: bytes) -> None:
        self._heard, self._moved = True, False
        super().data_received(data)
        if self._moved:
            self._idle_bytes = 0
        elif self._awaited is not Awaited.NOTHING and not self._deaf:
            self._idle_bytes += len(data)
            if self._idle_bytes >= MAX_HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")
        if self._awaited is Awaited.NOTHING and not self._answering:  # blank lines, which begin no message
            self._turn(Awaited.HEAD)

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._field_bytes = 0
        self._turn(Awaited.HEAD)

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. What comes after a body is not taken for a header: RFC 9110, section 6.5.1."""
        self._count(len(name) + len(value) + 3)  # a colon, and the line's end
        if self._awaited is Awaited.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if not is_sound(self.headers, version=version, method=method, target=self.url):
            raise Malformed
        # An upgrade takes the whole connection, so never from under a response that is still to come.
        self._may_upgrade = not self._answering and version == "1.1" and method == b"GET"
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._without_offer = spell_without_offer(method, self.url, version, self.headers)
            return
        self._field_bytes, self._moved = 0, True
        self._turn(Awaited.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._without_offer:  # only its head has come
            return
        self._moved = True
        self._turn(Awaited.NOTHING)
        super().on_message_complete()

    def without_offer(self) -> bytes | None:
        """See `offers`."""
        head, self._without_offer = self._without_offer, None
        return head

    def on_response_complete(self) -> None:
        """Called by uvicorn, which then begins the next, or waits for a while for another request."""
        super().on_response_complete()
        if self._timer is None:
            self._mind()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for what the parser or this class does not take."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self.unread.end()
        self._turn(Awaited.NOTHING)
        self._deaf = True
        self._stop_timer()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self.unread.begin()
        self.wire.change(False)

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self.unread.end()
        self.wire.change(True)

    def _should_upgrade(self) -> bool:
        """Asked by uvicorn, several times a request."""
        return self._may_upgrade and super()._should_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    @property
    def _in_body(self) -> bool:
        """What the client sends is the body of the request that is, or was, answered last."""
        return self._awaited is Awaited.BODY and self._running is self.cycle

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_HEAD_BYTES:
            raise Malformed

    def _turn(self, awaited: Awaited) -> None:
        self._awaited, self._turned = awaited, True

    def _mind(self) -> None:
        """Have the client hurry, if it is the client that is waited for."""
        self._turned = False
        self._stop_timer()
        if self._deaf or self.transport.is_closing():
            return
        if self._in_body:
            self._timer = self.loop.call_later(self.terms.body_timeout_s, self._on_late)
        elif self._awaited is Awaited.HEAD and not self._answering:
            self._unset_keepalive_if_required()
            self._timer = self.loop.call_later(self.terms.head_timeout_s, self._on_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_late(self) -> None:
        self._timer = None
        if self._heard:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.")
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, message: str, headers: bytes = b"") -> None:
        """Say so, unless that would be a second answer, and close; an answer that has begun is finished first."""
        self._deaf = True
        self._stop_timer()
        running = self._running if self._answering else None
        if running and (running.response_started or not self._in_body):
            running.keep_alive = False
            return
        if running:  # the app is asked for an answer that nobody waits for any more
            running.disconnected = True
            running.message_event.set()
        if running or not self._in_body:
            self.transport.write(refusal(status, message, headers))
        self.transport.close()
