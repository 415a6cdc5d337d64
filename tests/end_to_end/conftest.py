"""Pairs of real processes, shared by the tests of this folder. A test that stops or overloads one makes its own."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support import processes


class Pair(NamedTuple):
    """The addresses of a running worker and edge."""

    worker: str
    edge: str


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """A scripted worker and an edge with their default settings."""
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge)


@pytest.fixture(scope="session")
def real_pair() -> Iterator[Pair]:
    """A worker with the bundled model, and an edge."""
    with processes.worker(WORKER_ENGINE="llamacpp") as (worker, _), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge)
