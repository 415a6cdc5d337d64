"""One process of an edge: its logs, its memory, its event loop."""

import logging
import signal

from edge_proxy.memory import settle
from edge_proxy.settings import Settings


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: The address can not be listened on.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupt during the second of imports needs no traceback
    import uvloop  # noqa: PLC0415

    from edge_proxy.server import serve  # noqa: PLC0415

    configure_logs()
    settle()
    uvloop.run(serve(settings))


def configure_logs() -> None:
    """Have logs go to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
