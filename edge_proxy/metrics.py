"""Figures as Prometheus reads them, on a port of their own.

The port is served by a thread, so that writing some hundred lines of text delays no stream. What it asks for the
figures may take its time, but not for ever.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import accumulate
from typing import Any, TypedDict
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_proxy.core.measures import MEASURES, Kind, Measure
from edge_proxy.core.meter import Figures
from edge_proxy.settings import Settings

log = logging.getLogger(__name__)

LIMIT_S = 2.0  # Prometheus gives up after ten by default


class MetricsError(Exception):
    """There can be no metrics, and somebody wants them."""


class FiguresCollector(Collector):
    """Spells figures whenever it is asked.

    Args:
        read: The figures, as of now.
    """

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client."""
        figures = self._read()
        rows: dict[str, list[tuple[tuple[str, ...], Any]]] = {name: [] for name in MEASURES}
        for (name, *labels), value in [*figures.values.items(), *figures.histograms.items()]:
            rows[name].append((tuple(labels), value))
        for name, measure in MEASURES.items():
            yield _family(name, measure, sorted(rows[name]))


def _family(name: str, measure: Measure, rows: Sequence[tuple[tuple[str, ...], Any]]) -> Metric:
    match measure.kind:
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(name, measure.says, labels=measure.labels)
            bounds = [*(str(float(bound)) for bound in measure.bounds), "+Inf"]
            for labels, (counts, total) in rows:
                histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
            return histogram
        case Kind.COUNTER:
            family: Any = CounterMetricFamily(name, measure.says, labels=measure.labels)
        case Kind.GAUGE:
            family = GaugeMetricFamily(name, measure.says, labels=measure.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family  # type: ignore[no-any-return]  # one of two that have nothing but `Metric` in common


class OnLoop:
    """Has figures made on an event loop, for other threads; those made last, when it is too busy for that.

    Args:
        loop: It runs, or has ended.
        read: The figures, as of now.
        limit_s: So long may it take.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read: Callable[[], Figures], *, limit_s: float = LIMIT_S
    ) -> None:
        self._loop = loop
        self._read = read
        self._limit_s = limit_s
        self._last = read()

    def __call__(self) -> Figures:
        """The figures."""
        made: Future[Figures] = Future()
        with contextlib.suppress(TimeoutError, RuntimeError):  # RuntimeError: the loop is closed
            self._loop.call_soon_threadsafe(lambda: made.set_result(self._read()))
            self._last = made.result(self._limit_s)
        return self._last


class Where(TypedDict):
    """Arguments for `serve`."""

    host: str
    port: int
    must: bool


def where(settings: Settings) -> Where:
    """Where metrics are wanted."""
    return Where(
        host=settings.metrics_host,
        port=settings.metrics_port,
        must="metrics_port" in settings.model_fields_set,
    )


def registry(read: Callable[[], Figures]) -> CollectorRegistry:
    """Where Prometheus's own functions find the figures."""
    made = CollectorRegistry(auto_describe=False)
    made.register(FiguresCollector(read))
    return made


def exposition(read: Callable[[], Figures]) -> Callable[[], bytes]:
    """Makes the text that Prometheus reads."""
    made = registry(read)
    return lambda: generate_latest(made)


def serve(read: Callable[[], Figures], *, host: str, port: int, must: bool) -> WSGIServer | None:
    """Serve the figures until the process ends, or the server is shut down; None where there is no port to be had.

    Args:
        read: The figures, as of now; called on the server's thread.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, -1: none.
        must: Whether somebody has asked for that very port.

    Raises:
        MetricsError: That can not be listened on.
    """
    if port < 0:
        return None
    try:
        server, _ = start_http_server(port, addr=host, registry=registry(read))
    except OSError as error:
        if must:
            raise MetricsError(f"{host}:{port} can not be listened on, for metrics: {error}") from error
        log.warning("There are no metrics: %s:%d can not be listened on. EDGE_METRICS_PORT says another.", host, port)
        return None
    shown = f"[{host}]" if ":" in host else host
    log.info("Metrics are at http://%s:%d/metrics", shown, server.server_port)
    return server
