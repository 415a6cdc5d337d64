"""A socket, its client, and an upstream that the test plays."""

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.ticker import Ticker
from edge_proxy.downstream.websocket import Socket
from edge_proxy.policy.admission import Admission, Terms
from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.downstream.played_upstream import PlayedUpstream
from tests.support.virtual_time import settle

TERMS = Terms(
    max_streams=1000,
    timeout_s=120.0,
    first_token_timeout_s=60.0,
    gap_timeout_s=30.0,
    max_timeout_s=600.0,
    batch_interval_s=0.05,
)


def make_streams(upstream: PlayedUpstream, admission: Admission) -> Streams:
    """Streams of that upstream."""
    return Streams(
        admit=admission.admit,
        release=admission.release,
        open_source=upstream.open,
        attach_source=upstream.attach,
        cancel=upstream.cancel,
        ping_interval_s=15.0,
        ticker=Ticker(),
    )


class Here:
    """A socket that is open."""

    def __init__(self, max_streams: int, caller: Caller = ANYONE) -> None:
        self.upstream = PlayedUpstream()
        self.admission = Admission(TERMS)
        self.streams = make_streams(self.upstream, self.admission)
        self.sockets: list[Socket] = []
        self._max_streams = max_streams
        self._caller = caller
        self.client = SocketClient(self._app)

    async def generate(self, ref: str = "", **fields: Any) -> None:
        """Ask for a generation."""
        await self.client.say(type="generate", prompt="x", **({"ref": ref} if ref else {}), **fields)

    @property
    def socket(self) -> Socket:
        """The socket."""
        return self.sockets[0]

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.sockets.append(
            Socket(
                receive,
                send,
                self.streams,
                caller=self._caller,
                max_streams=self._max_streams,
                resume_window_s=30.0,
                about={},
            )
        )
        await self.socket.run()


async def open_socket(
    *, max_streams: int = 64, caller: Caller = ANYONE, prepare: Callable[[Here], None] = lambda here: None
) -> Here:
    """A socket whose client has connected; `prepare` is called before that."""
    here = Here(max_streams, caller)
    prepare(here)
    await settle()
    return here
