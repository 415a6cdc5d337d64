"""llama.cpp's own HTTP server, from the library that the bundled engine uses: `python -m tests.support.llama_server`.

It prints its address when it can be asked, and serves until it is ended.
"""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import xllamacpp

from inference_worker.engines import BUNDLED_MODEL
from tests.support.processes import Service


@contextlib.contextmanager
def llama_server() -> Iterator[str]:
    """The address of a running one, with the bundled model."""
    service = Service("-m", "tests.support.llama_server")
    try:
        yield service.wait_for(r"llama.cpp serves (\S+)\n")
    finally:
        service.stop()


def main() -> None:
    """Serve."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = str(BUNDLED_MODEL)
    params.n_parallel = 4
    params.n_ctx = 4 * 512
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    params.hostnames = ["127.0.0.1"]
    params.port = port
    server = xllamacpp.Server(params)
    sys.stdout.write(f"llama.cpp serves 127.0.0.1:{port}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    del server


if __name__ == "__main__":
    main()
