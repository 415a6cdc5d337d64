"""Serves the edge with uvicorn, on a socket and with signals of our own.

uvicorn by itself closes its listener at the first signal, and then waits for clients. Here it goes on serving while the
edge goes away (`departure.py`), and who then does not take what is left is cut off.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import socket
from collections.abc import Generator

import uvicorn

from edge_proxy import metrics
from edge_proxy.app import Edge
from edge_proxy.departure import Departing, Departure, Patience
from edge_proxy.descriptors import make_room
from edge_proxy.downstream.connection import Connection
from edge_proxy.downstream.guard import ClientTerms
from edge_proxy.downstream.websocket_connection import SocketConnection
from edge_proxy.reports import Place, Reporter
from edge_proxy.settings import Settings
from edge_proxy.tls import Renewing

log = logging.getLogger(__name__)

BACKLOG = 512
# What the kernel holds for one client that does not read, before anything piles up here (Linux doubles it). Left to
# itself it would hold megabytes, and a stuck client would go unnoticed for as long as it takes to fill them.
SEND_BUFFER_BYTES = 65_536
SPARE_CONNECTIONS = 1000  # beyond those with a stream: idle ones, and probes
CUT = 0.75  # of uvicorn's time for a stop: who has not taken the end by then is cut off, before uvicorn cancels tasks


class Server(uvicorn.Server):
    """uvicorn's server, but that a signal lets streams end, or say why they do, and that the exit code is 0 then.

    Args:
        config: uvicorn's own; `timeout_graceful_shutdown` is how long clients may take for what is left for them.
        edge: What the signals are for.
        patience: For how long it is served on after SIGTERM.
    """

    def __init__(self, config: uvicorn.Config, edge: Departing, patience: Patience) -> None:
        super().__init__(config)
        self._departure = Departure(edge, patience, self._close)
        self._interrupted = False

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Called by uvicorn around serving; its own version ends the process by the signal afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        parent = multiprocessing.parent_process()
        if parent:
            loop.add_reader(parent.sentinel, self._orphaned, parent.sentinel)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        limit_s = self.config.timeout_graceful_shutdown or 0
        cutting = asyncio.get_running_loop().call_later(CUT * limit_s, self._cut)
        await super().shutdown(sockets)
        cutting.cancel()

    def _on_signal(self, number: signal.Signals) -> None:
        log.info("%s: stopping.", number.name)
        if number is signal.SIGTERM:
            self._departure.leave()
        elif self._interrupted:
            self._cut()
        else:
            self._interrupted = True
            self._departure.end()

    def _orphaned(self, sentinel: int) -> None:
        """There is nobody left to stop this process, and others may share its port by now: end at once."""
        asyncio.get_running_loop().remove_reader(sentinel)
        self._departure.end()

    def _close(self) -> None:
        self.should_exit = True

    def _cut(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; `shared` with other processes of this user.

    Raises:
        OSError: The address can not be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # connections inherit it
    listener.setblocking(False)
    return listener


def client_terms(settings: Settings) -> ClientTerms:
    """What clients are held to; no more connections than this process may have files open."""
    return ClientTerms(
        slow_reader_timeout_s=settings.slow_reader_timeout_s,
        head_timeout_s=settings.head_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        max_connections=make_room(settings.max_connections or settings.max_streams + SPARE_CONNECTIONS),
    )


@contextlib.contextmanager
def _measured(edge: Edge, settings: Settings, place: Place | None) -> Generator[None, None, None]:
    """While an edge runs: have its figures served, by this process or, if there are several, by their parent."""
    if place:
        reporter = Reporter(place.channel, lambda: edge.figures(process=place.name))
        reporter.start()
        try:
            yield
        finally:
            reporter.stop()
        return
    metrics.serve(metrics.OnLoop(asyncio.get_running_loop(), edge.figures), **metrics.where(settings))
    yield  # and to the end of the process: the last scrape may come when nothing runs any more


async def serve(settings: Settings, place: Place | None = None) -> None:
    """Run an edge until SIGTERM (let streams end) or SIGINT (end them); `place` is the process's among several.

    Raises:
        OSError: The address can not be listened on.
        MetricsError: Nor can that for metrics.
        Unusable: The database can not be used.
    """
    secure = Renewing(settings.tls_cert, settings.tls_key).context if settings.tls_cert and settings.tls_key else None
    listener = bind(settings.host, settings.port, shared=settings.processes > 1)
    edge, terms = Edge(settings), client_terms(settings)
    await edge.conversing.prepare()
    config = uvicorn.Config(
        edge.app,
        http=Connection.under(terms),
        ws=SocketConnection.under(terms),
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,  # it holds text back to compress it, and takes some 50 KB a socket
        lifespan="on",
        log_config=None,
        access_log=False,  # it would print query strings, prompts among them
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        ssl_context_factory=(lambda config, default: secure) if secure else None,
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    host, port = listener.getsockname()[:2]
    patience = Patience(settle_s=settings.drain_settle_s, drain_s=settings.drain_timeout_s)
    with _measured(edge, settings, place):
        log.info("Edge serves %s://%s:%d", "https" if secure else "http", f"[{host}]" if ":" in host else host, port)
        await Server(config, edge, patience).serve(sockets=[listener])
    log.info("Edge has stopped.")
