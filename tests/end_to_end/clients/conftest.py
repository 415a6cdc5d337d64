"""Pairs whose worker plays one scenario for every client."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.end_to_end.conftest import Pair
from tests.support import processes


@contextmanager
def running(options: str, **edge: str) -> Iterator[Pair]:
    """A worker whose scripted engine has these options, and an edge."""
    with processes.worker(WORKER_ENGINE_OPTIONS=options) as (worker, _), processes.edge(worker, **edge) as (address, _):
        yield Pair(worker, address)


@pytest.fixture(scope="module")
def brisk() -> Iterator[Pair]:
    """Answers of 100 tokens in a quarter of a second."""
    with running("tokens=100,tokens_per_second=400") as pair:
        yield pair


@pytest.fixture(scope="module")
def failing() -> Iterator[Pair]:
    """The engine fails after 20 tokens."""
    with running("tokens=100,tokens_per_second=400,fail_at=20") as pair:
        yield pair


@pytest.fixture(scope="module")
def late() -> Iterator[Pair]:
    """The first token comes after 4 s, the rest within half a second, and a ping every 0.2 s."""
    with running("tokens=100,tokens_per_second=200,first_token_delay_ms=4000", EDGE_PING_INTERVAL_S="0.2") as pair:
        yield pair


@pytest.fixture(scope="module")
def endless() -> Iterator[Pair]:
    """Answers that do not end by themselves."""
    with running("tokens=1000000,tokens_per_second=100") as pair:
        yield pair
