"""Runs the Go worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.go.build import go_program
from bench.processes import free_port, process


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is ready."""

    port: int
    pid: int


@contextmanager
def go_worker() -> Iterator[Worker]:
    """Run the Go worker until the block ends.

    Raises:
        Unavailable: It can not be built here.
    """
    port = free_port()
    with process([go_program("worker"), str(port)], port=port) as server:
        yield Worker(port, server.pid)
