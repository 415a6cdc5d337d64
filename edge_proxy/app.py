"""Puts the edge together from its settings. The one place where its parts meet."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from edge_proxy.access.tickets import LIFE_S
from edge_proxy.condition import Condition
from edge_proxy.conversing import Conversing
from edge_proxy.core.caller import Limits
from edge_proxy.core.errors import Code
from edge_proxy.core.lateness import Lateness
from edge_proxy.core.meter import Figures
from edge_proxy.core.status import Status
from edge_proxy.core.stretch import Stretch
from edge_proxy.dialects import rate_limit
from edge_proxy.downstream.ask_routes import PATH as ASK_PATH
from edge_proxy.downstream.ask_routes import add_ask_routes
from edge_proxy.downstream.documented import add_document
from edge_proxy.downstream.native_routes import PATH as NATIVE_PATH
from edge_proxy.downstream.native_routes import add_native_routes, add_stop_route
from edge_proxy.downstream.openai_routes import add_openai_routes
from edge_proxy.downstream.operations import add_operations_routes
from edge_proxy.downstream.page_routes import add_page_routes
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from edge_proxy.downstream.shortcut import with_shortcut
from edge_proxy.downstream.staged_routes import PATH as STAGED_PATH
from edge_proxy.downstream.staged_routes import add_staged_routes
from edge_proxy.downstream.status_routes import add_status_routes
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.ticker import Ticker
from edge_proxy.downstream.ticket_routes import add_ticket_routes
from edge_proxy.downstream.websocket_endpoint import PATH as WEBSOCKET_PATH
from edge_proxy.downstream.websocket_endpoint import WebSocketEndpoint
from edge_proxy.entrance import Entrance
from edge_proxy.measuring import Measuring
from edge_proxy.memory import Tidying
from edge_proxy.policy.admission import Admission, Terms
from edge_proxy.policy.limits import KeyLimits
from edge_proxy.probe import Probe
from edge_proxy.settings import Settings
from edge_proxy.upstream.channel import Security, make_channel
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.workers import Workers

TICKET_PATHS = (
    NATIVE_PATH,
    ASK_PATH,
    STAGED_PATH,
    WEBSOCKET_PATH,
)  # what a browser opens without a page's headers
EXPOSED_HEADERS = (
    *("X-Request-ID", "X-Generation-ID", "Retry-After", "x-should-retry"),
    *rate_limit.HEADERS,
    *rate_limit.OPENAI_HEADERS,
)


def _with_cors(app: ASGIApp, origins: Sequence[str], *, credentials: bool) -> ASGIApp:
    """The app, for pages of these origins, too."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_credentials=credentials,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "X-Request-ID"],
        expose_headers=EXPOSED_HEADERS,
    )


def _make_workers(settings: Settings) -> Workers:
    """How workers are recognised, and the edge by them, too."""
    timers = LinkTimers(
        connect_s=settings.worker_connect_timeout_s,
        silence_s=settings.worker_silence_timeout_s,
        answer_s=settings.worker_answer_timeout_s,
    )
    ca, cert, key = settings.worker_tls_ca, settings.worker_tls_cert, settings.worker_tls_key
    security = Security(settings.worker_tls_name, ca, cert, key) if ca and cert and key else None
    connect = partial(make_channel, security=security)
    return Workers(settings.workers, timers, resolve_interval_s=settings.resolve_interval_s, connect=connect)


def _terms(settings: Settings) -> Terms:
    return Terms(
        max_streams=settings.max_streams,
        timeout_s=settings.generation_timeout_s,
        first_token_timeout_s=settings.first_token_timeout_s,
        gap_timeout_s=settings.gap_timeout_s,
        max_timeout_s=settings.max_generation_timeout_s,
        batch_interval_s=settings.batch_interval_ms / 1000,
    )


def _make_limits(settings: Settings) -> KeyLimits:
    default = Limits(
        requests_per_minute=settings.key_requests_per_minute,
        tokens_per_minute=settings.key_tokens_per_minute,
        tokens_per_day=settings.key_tokens_per_day,
        streams=settings.key_streams,
    )
    return KeyLimits(default, settings.redis_url, patience_s=settings.redis_timeout_ms / 1000)


class Edge:
    """The parts, and the order in which they stop. To be made on the event loop that serves."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leaving = False
        self._workers = _make_workers(settings)
        self._admission = Admission(_terms(settings))
        self._limits = _make_limits(settings)
        self._condition = Condition()
        self._tidying = Tidying()
        self._stretch = Stretch(max_factor=settings.max_batch_stretch)
        self._lateness = Lateness(max_lag_s=settings.max_lag_ms / 1000)
        self._measuring = Measuring(settings)
        self._condition.timing = lambda: self._measuring.timing
        self._streams = Streams(
            admit=self._admission.admit,
            release=self._admission.release,
            open_source=self._workers.open,
            attach_source=self._workers.attach,
            cancel=self._workers.cancel,
            ping_interval_s=settings.ping_interval_s,
            ticker=Ticker(),
            claim=self._limits.claim,
            on_failure=self._condition.on_failure,
            watching=self._measuring.watching,
        )
        self.conversing = Conversing(settings, self._workers)
        self._sockets = WebSocketEndpoint(
            self._streams,
            origins=settings.cors_origins,
            draining=lambda: self._admission.draining,
            max_streams=settings.max_socket_streams,
            resume_window_s=settings.resume_window_s,
        )
        self._entrance = Entrance(settings)
        self.api = self._make_api()
        self.app = self._make_app()

    @property
    def streams(self) -> int:
        """How many run."""
        return self._admission.streams

    def figures(self, *, process: str = "0") -> Figures:
        """What Prometheus is told; to be called on the event loop."""
        figures = self._measuring.figures(self._streams, self._workers, self._stretch, process=process)
        figures.gauge("shared_limits_away", self._limits.away, process)
        return figures

    def settle(self) -> None:
        """Say that it goes away, to who asks whether it is ready, and serve on."""
        self._leaving = True

    def drain(self) -> None:
        """Refuse what is new; sockets close when nothing runs on them."""
        self._leaving = self._admission.draining = True
        self._sockets.drain()

    def end(self) -> None:
        """Refuse what is new and end what runs; every client is told."""
        self.drain()
        self._streams.fail_all(Code.SERVER_DRAINING)
        self._sockets.end()

    def _make_app(self) -> ASGIApp:
        # Around FastAPI's own outermost layer, so that they hold for its answer to what nobody has foreseen, too. Who
        # asks is asked within CORS, for a page is to read that it is refused, and a preflight carries no key.
        asked = self._entrance.before(with_shortcut(self.api), ticket_paths=TICKET_PATHS)
        return RequestIdMiddleware(
            _with_cors(asked, self._settings.cors_origins, credentials=self._settings.cors_credentials),
            on_refusal=self._measuring.watching.refused,
        )

    def _make_api(self) -> FastAPI:
        settings = self._settings
        # Without its address there are no pages that show it, either.
        openapi_url = "/openapi.json" if settings.shows_docs else None
        app = FastAPI(title="Token Relay", version="0.1.0", lifespan=self._lifespan, openapi_url=openapi_url)
        add_problem_handlers(app)
        for add_routes in (add_native_routes, add_ask_routes, add_staged_routes):
            add_routes(
                app, self._streams, max_body_bytes=settings.max_body_bytes, resume_window_s=settings.resume_window_s
            )
        add_stop_route(app, self._streams)
        add_openai_routes(
            app, self._streams, models=lambda: self._workers.models, max_body_bytes=settings.max_body_bytes
        )
        self.conversing.add_routes(app, self._streams)
        add_ticket_routes(app, issue=self._entrance.issue, life_s=LIFE_S)
        app.router.routes.append(WebSocketRoute(WEBSOCKET_PATH, self._sockets))
        add_page_routes(app)
        add_status_routes(app, status=self._status)
        add_operations_routes(
            app,
            ready_workers=lambda: self._workers.ready,
            draining=lambda: self._leaving,
            metrics=self._measuring.page(self.figures),
            troubled=lambda: self.conversing.troubled,
        )
        add_document(app, ways=self._entrance.ways, ticket_paths=TICKET_PATHS)
        return app

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._workers.start()
        watching = asyncio.create_task(self._entrance.watch())
        self._limits.start()
        probe = Probe(self._look)
        probe.start()
        try:
            yield
        finally:
            probe.stop()
            watching.cancel()
            await self.conversing.stop()
            await self._workers.stop()
            self._measuring.close()
            await self._limits.stop()
            await self._entrance.stop()

    def _status(self) -> Status:
        return self._condition.status(
            draining=self._leaving,
            streams=self._admission.streams,
            most_streams=self._settings.max_streams,
            workers=self._workers.report,
        )

    def _look(self, *, busy: float, lag_s: float) -> None:
        self._measuring.look(lag_s=lag_s, now=time.monotonic())
        self._condition.look(busy=busy, lag_s=lag_s)
        self._admission.late = self._lateness.look(lag_s=lag_s)
        self._workers.stretch(self._stretch.look(busy=busy, lag_s=lag_s))
        self._tidying.look(open_now=self._admission.streams)
        self._entrance.look(self._streams.recheck, self._sockets.recheck)
