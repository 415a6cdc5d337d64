"""Serves the edge with uvicorn, on a socket and with signals of our own."""

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn

from edge_proxy.app import Edge
from edge_proxy.descriptors import make_room
from edge_proxy.downstream.connection import Connection
from edge_proxy.downstream.guard import ClientTerms
from edge_proxy.downstream.websocket_connection import SocketConnection
from edge_proxy.settings import Settings

log = logging.getLogger(__name__)

BACKLOG = 512
# What the kernel holds for one client that does not read, before anything piles up here (Linux doubles it). Left to
# itself it would hold megabytes, and a stuck client would go unnoticed for as long as it takes to fill them.
SEND_BUFFER_BYTES = 65_536
SPARE_CONNECTIONS = 1000  # beyond those with a stream: idle ones, and probes


class Server(uvicorn.Server):
    """uvicorn's server, but that a signal lets streams say why they end, and that the exit code is 0 then."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Called by uvicorn around serving; its own version ends the process by the signal afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        parent = multiprocessing.parent_process()
        if parent:
            loop.add_reader(parent.sentinel, self._orphaned, parent.sentinel)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def _orphaned(self, sentinel: int) -> None:
        """There is nobody left to stop this process."""
        asyncio.get_running_loop().remove_reader(sentinel)
        self._stop(signal.SIGTERM)

    def _stop(self, number: signal.Signals) -> None:
        if self.should_exit:
            self.force_exit = True
            return
        log.info("%s: stopping.", number.name)
        self.should_exit = True
        self._on_stop()


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


async def serve(settings: Settings) -> None:
    """Run an edge until SIGTERM or SIGINT.

    Raises:
        OSError: The address can not be listened on.
    """
    listener = bind(settings.host, settings.port, shared=settings.processes > 1)
    edge, terms = Edge(settings), client_terms(settings)
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
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    host, port = listener.getsockname()[:2]
    log.info("Edge serves http://%s:%d", f"[{host}]" if ":" in host else host, port)
    await Server(config, edge.drain).serve(sockets=[listener])
    log.info("Edge has stopped.")
