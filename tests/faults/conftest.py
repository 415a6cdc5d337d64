"""Processes that several tests of this folder share. A test that kills one makes its own."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support import processes

EVENT_PER_TOKEN = {"EDGE_BATCH_INTERVAL_MS": "0"}


class Trio(NamedTuple):
    """The addresses of a worker and of two edges before it."""

    worker: str
    edges: tuple[str, str]


@pytest.fixture(scope="session")
def trio() -> Iterator[Trio]:
    """A scripted worker whose every token may be an event."""
    with (
        processes.worker(WORKER_TICK_MS="0") as (worker, _),
        processes.edge(worker, **EVENT_PER_TOKEN) as (one, _),
        processes.edge(worker, **EVENT_PER_TOKEN) as (other, _),
    ):
        yield Trio(worker, (one, other))


@pytest.fixture(scope="session")
def real_trio() -> Iterator[Trio]:
    """The bundled model, likewise."""
    with (
        processes.worker(WORKER_ENGINE="llamacpp", WORKER_TICK_MS="0") as (worker, _),
        processes.edge(worker, **EVENT_PER_TOKEN) as (one, _),
        processes.edge(worker, **EVENT_PER_TOKEN) as (other, _),
    ):
        yield Trio(worker, (one, other))
