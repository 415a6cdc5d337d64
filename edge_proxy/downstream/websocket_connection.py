"""uvicorn's WebSocket connection (RFC 6455), guarded: what a client does not read, or never ends, is not kept.

    the client                                   without the guard           with it
    ------------------------------------------   -------------------------   ------------------------------------
    sends a head that websockets does not take   no answer, for ever         the answer, and the end
    is dead, with text for it still unsent       the app is never told       the connection is cut
    ends its side without a close frame          the same                    the same
    sends pings and reads no pongs               pongs pile up               none while it does not read
    sends a message in endless empty pieces      the pieces pile up          1008
    does not take what is left after the end     the connection stays        cut after some seconds
    takes nothing, or next to nothing            messages wait for ever      a reset (`unread.py`)
    is slow, with many generations               each puts one message down  they wait for one another
                                                   whenever it takes any

And when the server stops, the app closes its sockets itself, because its generations say first why they end.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from edge_proxy.downstream.guard import Guarded, refusal
from edge_proxy.downstream.unread import Unread

log = logging.getLogger(__name__)
log.setLevel(logging.WARNING)  # uvicorn's own lines print query strings

MAX_PIECES = 1024  # of one message: with a KiB in each it is as large as frames are by default
MALFORMED = refusal(HTTPStatus.BAD_REQUEST, "The head of the request is malformed.")
FLUSH_S = 5.0  # for a client to take what is left when all is said


class SocketConnection(Guarded, WebSocketsSansIOProtocol):
    """A connection that asked for the upgrade, from then on."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.logger = log
        self.close_timeout = FLUSH_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """See asyncio. The transport is handed over, and what was written before may still be unsent."""
        super().connection_made(transport)
        self.unread = Unread(transport, self.terms.slow_reader_timeout_s)
        if transport.get_write_buffer_size():
            self.pause_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.unread.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self.unread.begin()

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self.unread.end()

    def data_received(self, data: bytes) -> None:
        """See asyncio. The first data is the request's whole head."""
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()) or MALFORMED)
            self.transport.close()

    def eof_received(self) -> None:
        """See asyncio. Who leaves well sends a close frame first."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        """The client did not answer a ping; a close frame would only wait behind what it does not read either."""
        self.transport.abort()

    def handle_ping(self) -> None:
        """Answer, but not to who does not read: RFC 6455, section 5.5.3 allows to answer only the last ping."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message."""
        super().handle_cont(event)
        if len(self.frames) > MAX_PIECES:
            self.conn.fail(CloseCode.POLICY_VIOLATION, "The message has too many pieces.")
            self.handle_parser_exception()

    def shutdown(self) -> None:
        """The server stops: nothing for who has an open socket, because the app has been told, and closes it."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()

    async def send(self, message: Any) -> None:
        """See ASGI, which has OSError raised once the connection is closing; uvicorn may raise RuntimeError."""
        while not self.writable.is_set():  # again, if one that has waited longer has filled it
            await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # by a refusal; uvicorn would log that there was no answer

    async def run_asgi(self) -> None:
        """Run the app; what is unsent some seconds after is not sent."""
        await super().run_asgi()
        self.loop.call_later(FLUSH_S, self.transport.abort)
