"""llama.cpp's own HTTP server with the bundled model, as a process."""

import contextlib
from collections.abc import Iterator

from inference_worker.engines import BUNDLED_MODEL
from tests.support.processes import Service


@contextlib.contextmanager
def llama_server() -> Iterator[str]:
    """The address of a running one."""
    service = Service("deploy/llama_server.py", LLAMA_MODEL=str(BUNDLED_MODEL))
    try:
        yield service.wait_for(r"llama.cpp serves (\S+)\n")
    finally:
        service.stop()
