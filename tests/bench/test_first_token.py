import pytest

from bench.first_token import FirstToken, first_token, percentile
from bench.peers.edge import Edge


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.99, 99), (0, 1), (1, 100)])
def test_a_percentile_is_one_of_the_values(part: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], part) == value
    assert percentile([7.0], part) == 7


def test_what_the_edge_adds_is_what_it_takes_beyond_its_worker() -> None:
    assert FirstToken(200, 2.5, 4.0, 1.5, 2.0).added_by_edge_ms == 1.0


def test_first_tokens_come_through_edge_and_worker() -> None:
    first = first_token(Edge(), requests=3)
    assert first.requests == 3
    assert 0 < first.edge_p50_ms <= first.edge_p99_ms
    assert 0 < first.worker_p50_ms <= first.worker_p99_ms
