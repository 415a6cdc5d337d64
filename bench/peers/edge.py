"""Our own edge, with nothing turned off, in front of our own scripted worker."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.loads import Load
from bench.peers.base import Running
from bench.processes import descendants, free_port, process

MORE_THAN_ANY_LOAD = "10000"


class Edge:
    """`python -m edge_proxy serve`, with so many processes."""

    name = "edge"
    what = (
        "this edge: all streams on one gRPC call, an event per 50 ms and stream; before this worker's scripted engine"
    )

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes

    @contextmanager
    def running(self, load: Load) -> Iterator[Running]:
        """See Peer."""
        worker_port, port = free_port(), free_port()
        worker = [sys.executable, "-m", "inference_worker", "--engine", "scripted", "--port", str(worker_port)]
        edge = [sys.executable, "-m", "edge_proxy", "serve", "--port", str(port)]
        variables = {
            "WORKER_MAX_STREAMS": MORE_THAN_ANY_LOAD,
            "EDGE_MAX_STREAMS": MORE_THAN_ANY_LOAD,
            "EDGE_WORKERS": f"127.0.0.1:{worker_port}",
            "EDGE_PROCESSES": str(self._processes),
        }
        with (
            process(worker, port=worker_port, variables=variables) as behind,
            process(edge, port=port, variables=variables, listeners=self._processes) as server,
        ):
            pids = descendants(server.pid)
            yield Running(port, "/api/v1/ai/generate", load.body, pids, [behind.pid], worker_port)
