"""grpc-gateway, in Go."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.annotated import PATH
from bench.go.build import go_program
from bench.go.process import go_worker
from bench.loads import Load
from bench.peers.base import Running
from bench.processes import free_port, process


class GrpcGateway:
    """bench/go/gateway in front of the Go worker."""

    name = "grpc-gateway"
    what = "grpc-gateway 1.6 in Go, its JSON spelled as events by a small marshaler; one event per token"

    @contextmanager
    def running(self, load: Load) -> Iterator[Running]:
        """See Peer."""
        program, port = go_program("gateway"), free_port()
        with go_worker() as worker, process([program, str(port), str(worker.port)], port=port) as server:
            yield Running(port, PATH, load.body, [server.pid], [worker.pid])
