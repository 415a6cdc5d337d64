import gc
from collections.abc import Iterator

import pytest

from edge_proxy.memory import RARELY, Tidying, settle


@pytest.fixture
def full_collections() -> Iterator[list[int]]:
    """A note of each full collection."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            seen.append(info["collected"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_what_is_settled_is_looked_at_no_more() -> None:
    thresholds = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (*thresholds[:2], RARELY)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def test_it_tidies_once_each_time_that_all_have_ended(full_collections: list[int]) -> None:
    tidying = Tidying()
    counts = []
    for open_now in (0, 2, 1, 0, 0, 1, 0):
        tidying.look(open_now=open_now)
        counts.append(len(full_collections))
    assert counts == [0, 0, 0, 1, 1, 1, 2]
