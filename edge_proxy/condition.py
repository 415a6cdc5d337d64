"""How this process is: what the status says that no other part keeps."""

import time
from collections.abc import Callable, Sequence

from edge_proxy.core.errors import Code
from edge_proxy.core.status import Recent, Status, Timing, WorkerStatus


class Condition:
    """Since when it runs, how busy and how late it was when last looked at, and what failed last.

    Attributes:
        timing: Says how streams do just now; set by who measures that.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.timing: Callable[[], Timing] = Timing
        self._clock = clock
        self._wall = wall
        self._began_s = clock()
        self._busy = self._lag_s = 0.0
        self._recent = Recent()

    def on_failure(self, code: Code) -> None:
        """A stream was refused, or failed."""
        self._recent.note(code, unix_s=self._wall())

    def look(self, *, busy: float, lag_s: float) -> None:
        """See `Probe`."""
        self._busy, self._lag_s = busy, lag_s

    def status(self, *, draining: bool, streams: int, most_streams: int, workers: Sequence[WorkerStatus]) -> Status:
        """All of it, as of now."""
        return Status(
            unix_s=self._wall(),
            up_s=self._clock() - self._began_s,
            draining=draining,
            streams=streams,
            most_streams=most_streams,
            lag_s=self._lag_s,
            busy=self._busy,
            timing=self.timing(),
            workers=workers,
            troubles=self._recent.newest_first,
        )
