"""One SSE response: opens a generation, writes what is due, and lets go of it when the client leaves.

Written straight against ASGI, because everything here is about when: nothing is sent before the worker has taken the
request on, so that every refusal is a status; the client's leaving is watched from the first moment on, also while the
worker is asked and while a write waits for a slow client; and the last event leaves with the end of the body, or the
body does not end.
"""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.reader import Opened
from edge_proxy.dialects.base import Dialect, Encoder
from edge_proxy.downstream.pump import Pump, encode
from edge_proxy.downstream.stream import Stream

Open = Callable[[Stream], Awaitable[Opened]]


class SSEResponse(Response):
    """A response that is one stream.

    Args:
        stream: The client's view of the generation.
        open_source: Opens the generation with the stream as its reader; raises Refused before anything is sent.
        dialect: How the stream is spelled.
        on_done: Called once, when the response is over in whatever way.
    """

    def __init__(self, stream: Stream, open_source: Open, dialect: Dialect, on_done: Callable[[], None]) -> None:
        self._stream = stream
        self._open_source = open_source
        self._dialect = dialect
        self._on_done = on_done
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        gone = asyncio.ensure_future(_disconnected(receive))
        gone.add_done_callback(lambda _: self._stream.fail(Code.CANCELLED))
        try:
            opened = await self._open_unless(gone)
            if opened:
                await self._write(opened.generation_id, scope, send)
        finally:
            self._stream.leave()
            gone.cancel()
            self._on_done()

    async def _open_unless(self, gone: asyncio.Future[None]) -> Opened | None:
        """The generation, or None when the client has left before it was opened."""
        stream = self._stream
        try:
            async with asyncio.timeout(None) as patience:
                stream.on_fail = lambda: patience.reschedule(0.0)  # it ends now, also by the client's leaving
                opened = await self._open_source(stream)
        except TimeoutError:
            if gone.done():
                return None
            raise Refused(stream.failure or Failure(Code.CANCELLED)) from None
        finally:
            stream.on_fail = None
        stream.attach(opened.source)  # which is left in the end, whatever becomes of us
        return opened

    async def _write(self, generation_id: str, scope: Scope, send: Send) -> None:
        headers = [*self._dialect.headers, (b"x-generation-id", generation_id.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        encoder = self._dialect.encoder(generation_id)
        await send({"type": "http.response.body", "body": encoder.begin(), "more_body": True})
        wire = scope.get("state", {}).get("wire")
        if wire and scope["http_version"] == "1.1":
            last = await Pump(self._stream, encoder, wire).run()
        else:  # another server than ours, or a client that knows no chunks
            last = await self._send_all(encoder, send)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _send_all(self, encoder: Encoder, send: Send) -> bytes:
        """Send events until the stream is closed; the last bytes, which leave with the end of the body."""
        body = encode(encoder, await self._stream.next())
        while not self._stream.closed:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = encode(encoder, await self._stream.next())
        return body


async def _disconnected(receive: Receive) -> None:
    """Return when the client has left; without reading it, ASGI would never say."""
    while (await receive())["type"] != "http.disconnect":
        pass
