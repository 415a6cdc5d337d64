"""All that one process measures: what streams were, how workers are, and the process itself."""

import asyncio
from collections.abc import Callable

from edge_proxy import facts, tracing
from edge_proxy.core.meter import Figures, Meter
from edge_proxy.core.recent_mean import RecentMean
from edge_proxy.core.status import Timing
from edge_proxy.core.stretch import Stretch
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.watching import Watching
from edge_proxy.logs import log_stream
from edge_proxy.metrics import OnLoop, exposition
from edge_proxy.settings import Settings
from edge_proxy.upstream.workers import Workers

LOOPBACK = ("127.0.0.1", "::1", "localhost")  # only who is on this machine may see metrics without a port for them


class Measuring:
    """To be made on the event loop that serves. `watching` is what streams are measured by."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tracer = tracing.from_environment()
        meter = Meter()
        self._meter = meter
        self._lag_s = meter.histogram("loop_lag_seconds")
        self._first_text_s = RecentMean()
        self._gap_s = RecentMean()
        self.watching = Watching(meter, traced=self._tracer is not None)
        if self._tracer:
            self.watching.on_end.append(self._tracer.record)
        if settings.log_streams:
            self.watching.on_end.append(log_stream)

    def look(self, *, lag_s: float, now: float) -> None:
        """A timer was so late, `now`."""
        self._lag_s.add(lag_s)
        self._first_text_s.note(*self._meter.total("time_to_first_token_seconds"), now=now)
        self._gap_s.note(*self._meter.total("event_gap_seconds"), now=now)

    @property
    def timing(self) -> Timing:
        """How streams did in the last half minute: the first text of those that ended, the gaps of the sample."""
        return Timing(self._first_text_s.mean, self._gap_s.mean)

    def figures(self, streams: Streams, workers: Workers, stretch: Stretch, *, process: str) -> Figures:
        """What Prometheus is told; to be called on the event loop."""
        figures = streams.figures(process=process)
        workers.show(figures, process=process)
        figures.gauge("batch_stretch", stretch.factor, process)
        facts.show(figures, process=process)
        return figures

    def page(self, read: Callable[[], Figures]) -> Callable[[], bytes] | None:
        """Makes what Prometheus reads, off the event loop; None where that is for a port of its own alone."""
        settings = self._settings
        if settings.host not in LOOPBACK or settings.processes > 1:
            return None
        return exposition(OnLoop(asyncio.get_running_loop(), read))

    def close(self) -> None:
        """Send the last spans."""
        if self._tracer:
            self._tracer.close()
