"""The floor: what the events alone cost on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.c_program import c_program
from bench.loads import Load
from bench.peers.base import Running
from bench.processes import free_port, process
from edge_proxy.settings import Settings

INTERVAL_MS = float(Settings.model_fields["batch_interval_ms"].default)  # as our edge batches, for the same events


class Floor:
    """bench/floor.c, which makes its own tokens."""

    name = "floor"
    what = f"a C program that makes its own tokens and writes an event per {INTERVAL_MS:g} ms and stream, no more"

    @contextmanager
    def running(self, load: Load) -> Iterator[Running]:
        """See Peer."""
        program, port = c_program("floor"), free_port()
        # It has no options to read from a request: it is told the load here.
        command = [str(program), str(port), str(load.tokens_per_s), f"{INTERVAL_MS:g}", f"{load.seconds:g}"]
        with process(command, port=port) as server:
            yield Running(port, "/", load.body, [server.pid])
