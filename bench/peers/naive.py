"""The naive edge."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from bench.go.process import go_worker
from bench.loads import Load
from bench.peers.base import Running, Unavailable
from bench.processes import free_port, process


class Naive:
    """bench/peers/naive_app.py under uvicorn, in front of the Go worker."""

    name = "naive"
    what = (
        "FastAPI, sse-starlette and grpc.aio, one call per stream and one event per token; uvicorn as it comes, on "
        f"{'httptools' if find_spec('httptools') else 'h11'} and {'uvloop' if find_spec('uvloop') else 'asyncio'}"
    )

    @contextmanager
    def running(self, load: Load) -> Iterator[Running]:
        """See Peer."""
        if not find_spec("sse_starlette"):
            raise Unavailable("sse-starlette is not installed; see bench/requirements.txt")
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "bench.peers.naive_app:app", "--port", str(port)]
        with go_worker() as worker:
            variables = {"NAIVE_WORKER": f"127.0.0.1:{worker.port}"}
            with process(command, port=port, variables=variables) as server:
                yield Running(port, "/generate", load.body, [server.pid], [worker.pid])
