"""What an edge says of itself to who runs it: its workers, its streams, and what went wrong last. Codes, no content."""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from edge_proxy.core.errors import ERRORS, Code

KEPT_ERRORS = 20  # a screenful
MISTAKES_BELOW = 429  # statuses below that say that a request was wrong, and nothing of the edge
WorkerState = Literal["connected", "draining", "set aside", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker, as the edge sees it.

    `running` of `places` are the worker's own count, over all edges; 0 places: it has not said. `streams` are those of
    this edge.
    """

    address: str
    id: str
    state: WorkerState
    running: int
    places: int
    streams: int
    models: tuple[str, ...]


class Timing(NamedTuple):
    """How streams do just now, in seconds: until the first text, and between two events. None: that is not known."""

    first_text_s: float | None = None
    gap_s: float | None = None


class Trouble(NamedTuple):
    """That something failed, and when: seconds since 1970."""

    code: Code
    at_unix_s: float


class Recent:
    """The last failures that are no client's mistake."""

    def __init__(self) -> None:
        self._kept: deque[Trouble] = deque(maxlen=KEPT_ERRORS)

    def note(self, code: Code, *, unix_s: float) -> None:
        """Something failed. A wrong request, and one that was stopped, are passed over."""
        if ERRORS[code].status >= MISTAKES_BELOW and code is not Code.CANCELLED:
            self._kept.append(Trouble(code, unix_s))

    @property
    def newest_first(self) -> list[Trouble]:
        """All that are kept."""
        return list(reversed(self._kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The edge at `unix_s`. Of one process, where several share a port."""

    unix_s: float
    up_s: float
    draining: bool
    streams: int
    most_streams: int
    lag_s: float
    busy: float
    timing: Timing
    workers: Sequence[WorkerStatus]
    troubles: Sequence[Trouble]

    def as_json(self) -> dict[str, object]:
        """The same in names and units for others: milliseconds, percent."""
        ready = any(worker.state in ("connected", "set aside") for worker in self.workers)
        return {
            "status": "draining" if self.draining else "ready" if ready else "no worker",
            "time": round(self.unix_s, 3),
            "upSeconds": round(self.up_s, 1),
            "streams": {"open": self.streams, "most": self.most_streams},
            "firstTextMs": _ms(self.timing.first_text_s),
            "gapMs": _ms(self.timing.gap_s),
            "lagMs": _ms(self.lag_s),
            "busyPercent": round(100 * self.busy, 1),
            "workers": [asdict(worker) for worker in self.workers],
            "errors": [
                {"code": code, "message": ERRORS[code].message, "at": round(at, 3)} for code, at in self.troubles
            ],
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
