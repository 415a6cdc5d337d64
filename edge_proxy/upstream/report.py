"""What is known of each worker, for who runs the edge."""

from collections.abc import Iterable

from edge_proxy.core.status import WorkerState, WorkerStatus
from edge_proxy.upstream.link import WorkerLink


def report(links: Iterable[WorkerLink]) -> list[WorkerStatus]:
    """Each link's worker as of now; what one that is lost last said of its load counts no more."""
    return [
        WorkerStatus(
            address=link.address,
            id=link.worker_id,
            state=_state(link),
            running=link.load.running if link.connected else 0,
            places=link.load.max_streams if link.connected else 0,
            streams=link.streams,
            models=tuple(model.name for model in link.models) if link.connected else (),
        )
        for link in links
    ]


def _state(link: WorkerLink) -> WorkerState:
    if not link.connected:
        return "lost"
    if not link.ready:
        return "draining"
    return "set aside" if link.standing.breaker.aside else "connected"
