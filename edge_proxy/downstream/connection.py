"""uvicorn's HTTP/1.1 connection, with a short way out for the body of a stream.

An ASGI send passes through every middleware's wrapper, a state machine and a task that must be woken first: for one
event that costs several times the write itself. A stream whose response has begun may write its chunks here instead,
from a timer. Head and end still go the long way, so that uvicorn knows all it must.
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """Known to a request as `scope["state"]["connection"]`."""

    on_writable: Callable[[], None] | None = None  # called when a full socket takes bytes again

    @property
    def writable(self) -> bool:
        """The socket takes bytes: what is written does not pile up here."""
        return not self.flow.write_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """See asyncio."""
        super().connection_made(transport)
        self.app_state = self.app_state | {"connection": self}

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        if self.on_writable:
            self.on_writable()

    def write_chunk(self, data: bytes) -> None:
        """Write a chunk of a body whose head has said that it is chunked: RFC 9112, section 7.1."""
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
