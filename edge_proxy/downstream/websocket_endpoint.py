"""The WebSocket endpoint: who may open a socket, and all sockets that are open.

A refusal is a status, before the upgrade, in the words of the other endpoints.
"""

from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.origin import may_connect
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.problems import refuse
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.websocket import Socket

PATH = "/api/v1/ai/generate/ws"


class WebSocketEndpoint:
    """An ASGI app for one address.

    Args:
        streams: Where generations are started.
        origins: Those whose pages may connect, besides the edge's own.
        draining: Whether the server stops.
        max_streams: So many generations at once, for each socket.
        resume_window_s: A resumable generation is kept so long without a reader.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        origins: Collection[str],
        draining: Callable[[], bool],
        max_streams: int,
        resume_window_s: float,
    ) -> None:
        self._streams = streams
        self._origins = origins
        self._draining = draining
        self._max_streams = max_streams
        self._resume_window_s = resume_window_s
        self._sockets: set[Socket] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await receive()  # "websocket.connect"
        failure = self._objection(Headers(scope=scope))
        if failure:
            await refuse(failure, scope, receive, send)
            return
        socket = Socket(
            receive,
            send,
            self._streams,
            caller=caller_of(HTTPConnection(scope)),
            max_streams=self._max_streams,
            resume_window_s=self._resume_window_s,
            about=scope.get("state", {}),
        )
        self._sockets.add(socket)
        try:
            await socket.run()
        finally:
            self._sockets.discard(socket)

    def drain(self) -> None:
        """The server goes away: close every socket as soon as it has no generation."""
        for socket in tuple(self._sockets):
            socket.drain()

    def end(self) -> None:
        """The server has ended all generations: close every socket when they have said so, or in a moment."""
        for socket in tuple(self._sockets):
            socket.end()

    def recheck(self, may: Callable[[Caller], bool]) -> None:
        """Close the sockets of those who may not any more."""
        for socket in tuple(self._sockets):
            if not may(socket.caller):
                socket.shut_out()

    def _objection(self, headers: Headers) -> Failure | None:
        origins = headers.getlist("origin")
        origin = ", ".join(origins) if origins else None  # two are none that is listed
        if not may_connect(origin, host=headers.get("host", ""), listed=self._origins):
            return Failure(Code.PERMISSION_DENIED, "Pages of that origin may not use this edge.")
        return Failure(Code.SERVER_DRAINING) if self._draining() else None
