"""Puts the worker together from its settings, serves it, and takes it down in order."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from inference_worker import facts, metrics, tracing
from inference_worker.engines import ENGINES
from inference_worker.engines.base import Engine
from inference_worker.engines.config import EngineConfig, Upstream
from inference_worker.exchange_call import Rhythm
from inference_worker.memory import Tidying
from inference_worker.meter import Figures
from inference_worker.pipelines.performance import RunCode
from inference_worker.pipelines.sandbox import Bounds, SandboxError, find
from inference_worker.pipelines.staged import StagedEngine
from inference_worker.registry import Limits, Registry
from inference_worker.servicer import Servicer
from inference_worker.settings import Settings
from inference_worker.tls import Renewing
from inference_worker.unreadable import RefuseUnreadable
from inference_worker.watching import Watching, log_generation
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc

log = logging.getLogger(__name__)

SERVICE_NAME: str = pb.DESCRIPTOR.services_by_name["AIAgentService"].full_name
INTERRUPT_GRACE_S = 1.0  # a person at a terminal waits
CLEANUP_GRACE_S = 1.0  # for calls to end once their generations have
POLL_S = 0.02
LOOK_PERIOD_S = 1.0
LOOKS_PER_TIDYING = 5


def server_options(settings: Settings) -> Sequence[tuple[str, int]]:
    """GRPC's settings for a server whose only callers are edges and other services of ours."""
    return (
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # Edges ping often to notice a dead worker. The default is to hang up on who does.
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # And a dead edge is noticed here. keepalive_timeout alone does not find a stopped peer; ping_timeout does.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.ping_timeout_ms", 5_000),
        # Two workers on one port would share its calls at random: the second start must fail.
        ("grpc.so_reuseport", 0),
    )


def make_engine(settings: Settings) -> Engine:
    """The engine that the settings name.

    Raises:
        EngineError: It can not be had, such as a model file that is not there.
        Refused: Its options are wrong.
    """
    config = EngineConfig(
        model=settings.model,
        slots=settings.slots,
        threads=settings.threads,
        context_tokens=settings.context_tokens,
        options=settings.engine_options,
        upstream=Upstream(
            url=settings.upstream_url,
            key=settings.upstream_key.get_secret_value(),
            connections=settings.upstream_connections,
            idle_connections=settings.upstream_idle_connections,
            timeout_s=settings.upstream_timeout_s,
            streams=settings.upstream_streams,
            continues=settings.upstream_continues,
        ),
    )
    return ENGINES[settings.engine](config)


async def find_sandbox(settings: Settings) -> RunCode | None:
    """What runs generated code; None, and a line in the log that says why: it can not be done safely here."""
    bounds = Bounds(
        wall_s=settings.execute_timeout_s,
        cpu_s=settings.execute_timeout_s,
        memory_bytes=settings.execute_memory_bytes,
        processes=settings.execute_processes,
    )
    try:
        sandbox = await find(bounds, python=settings.execute_python, at_once=settings.execute_at_once)
    except SandboxError as error:
        log.warning("Generated code is not executed, although WORKER_EXECUTE_CODE asks for it. %s", error)
        return None
    log.info("Generated code is executed, in bubblewrap.")
    return sandbox.run


class Worker:
    """A running worker: its registry, its gRPC server, and the order in which they stop."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._staged = StagedEngine(engine, rounds=settings.pipeline_rounds)
        limits = Limits(
            max_streams=min(settings.max_streams, engine.capacity or settings.max_streams),
            max_log_chars=settings.max_log_chars,
            max_total_chars=settings.max_total_chars,
            max_resume_window_s=settings.max_resume_window_s,
        )
        self._loop = asyncio.get_running_loop()
        watching = Watching()
        if settings.log_generations:
            watching.on_end.append(log_generation)
        self._tracer = tracing.from_environment()
        if self._tracer:
            watching.on_end.append(self._tracer.record)
        self._lag_s = watching.meter.histogram("loop_lag_seconds")
        self.registry = Registry(
            self._staged, worker_id=settings.id, limits=limits, call_later=self._loop.call_later, watching=watching
        )
        rhythm = Rhythm(settings.tick_ms / 1000, settings.heartbeat_s, settings.reattach_window_s)
        self._servicer = Servicer(self.registry, rhythm)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=[RefuseUnreadable()], options=server_options(settings))
        self._tidying = Tidying()
        self._looks = 0
        self._look_timer: asyncio.TimerHandle | None = None

    async def start(self) -> str:
        """Listen; the address.

        Raises:
            OSError: The address can not be had.
        """
        rpc.add_AIAgentServiceServicer_to_server(self._servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._settings.reflection:
            names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        host = self._settings.host
        try:
            port = self._add_port(f"{host}:{self._settings.port}")
        except RuntimeError as error:
            await self._server.stop(None)  # or gRPC complains when it is forgotten
            raise OSError(f"{host}:{self._settings.port} can not be listened on") from error
        if self._settings.execute_code:
            self._staged.run_code = await find_sandbox(self._settings)
        await self._server.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        self._look(self._loop.time() - LOOK_PERIOD_S)
        return f"{host}:{port}"

    def _add_port(self, address: str) -> int:
        if self._settings.tls:
            return self._server.add_secure_port(address, Renewing(self._settings.tls).credentials)
        return self._server.add_insecure_port(address)

    async def drain(self, grace_s: float) -> None:
        """Refuse what is new and wait for what runs, `grace_s` at most."""
        self.registry.draining = True
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._servicer.report_load()
        await self._until_none(grace_s, lambda: self.registry.running)

    async def stop(self) -> None:
        """End what still runs, with its reason told to its readers, and close everything."""
        self.registry.stop_all()
        await self._until_none(CLEANUP_GRACE_S, lambda: self.registry.running)
        await asyncio.sleep(self._settings.tick_ms / 1000)  # one more frame for the endings
        await self._server.stop(grace=0.1)
        await self._until_none(CLEANUP_GRACE_S, lambda: self._servicer.open_calls)
        await self._engine.close()
        if self._tracer:
            self._tracer.close()
        if self._look_timer:
            self._look_timer.cancel()

    def figures(self) -> Figures:
        """What Prometheus is told; to be called on the event loop."""
        figures = self.registry.figures()
        figures.set("exchange_calls", self._servicer.edges)
        figures.set("plain_calls", self._servicer.open_calls - self._servicer.edges)
        facts.show(figures)
        return figures

    def _look(self, looked_at: float) -> None:
        """Look at the process, once a second."""
        now = self._loop.time()
        self._lag_s.add(max(0.0, now - looked_at - LOOK_PERIOD_S))
        self._looks += 1
        if self._looks % LOOKS_PER_TIDYING == 0:
            self._tidying.look(open_now=self.registry.running)
        self._look_timer = self._loop.call_later(LOOK_PERIOD_S, self._look, now)

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", SERVICE_NAME):
            await self._health.set(name, status)

    @staticmethod
    async def _until_none(limit_s: float, count: Callable[[], int]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while count() and loop.time() < deadline:  # noqa: ASYNC110 - for the seconds of a stop, polling is enough
            await asyncio.sleep(POLL_S)


async def serve(settings: Settings) -> None:
    """Run a worker until SIGTERM (finish what runs, then exit) or SIGINT (exit within a second or two).

    Raises:
        EngineError, MetricsError, Refused, OSError: It can not start.
    """
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    worker = Worker(settings, make_engine(settings))
    metrics.serve(metrics.OnLoop(asyncio.get_running_loop(), worker.figures), **metrics.where(settings))
    address = await worker.start()
    log.info("Worker %s serves %s on %s.", settings.id, worker.registry.models[0].name, address)
    first = await signals.get()
    grace_s = settings.drain_timeout_s if first is signal.SIGTERM else INTERRUPT_GRACE_S
    log.info("%s: no new generations; %d run, %g s for them.", first.name, worker.registry.running, grace_s)
    draining = asyncio.create_task(worker.drain(grace_s))
    again = asyncio.create_task(signals.get())
    await asyncio.wait((draining, again), return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    again.cancel()
    await worker.stop()
    log.info("Worker %s has stopped.", settings.id)
