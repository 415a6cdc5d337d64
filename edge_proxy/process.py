"""One process of an edge: its logs, its memory, its event loop."""

import signal

from edge_proxy import logs
from edge_proxy.memory import settle
from edge_proxy.reports import Place
from edge_proxy.settings import Settings


def run(settings: Settings, place: Place | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `place` is this process's among several.

    Raises:
        OSError: The address can not be listened on.
        MetricsError: Nor can that for metrics.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupt during the second of imports needs no traceback
    import uvloop  # noqa: PLC0415

    from edge_proxy.server import serve  # noqa: PLC0415

    logs.configure(settings.log_format)
    settle()
    uvloop.run(serve(settings, place))
