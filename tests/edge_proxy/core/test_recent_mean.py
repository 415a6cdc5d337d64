"""A mean that forgets."""

import pytest

from edge_proxy.core.recent_mean import SPAN_S, RecentMean


def test_without_values_there_is_no_mean() -> None:
    recent = RecentMean()
    assert recent.mean is None
    recent.note(0, 0.0, now=1)
    assert recent.mean is None


def test_it_is_of_all_values_while_they_are_young() -> None:
    recent = RecentMean()
    recent.note(2, 3.0, now=1)
    recent.note(4, 9.0, now=2)
    assert recent.mean == pytest.approx(9 / 4)


def test_old_values_are_forgotten() -> None:
    recent = RecentMean()
    for second in range(100):
        recent.note(second, second * (10.0 if second < 50 else 20.0) - (0 if second < 50 else 500), now=second)
    assert recent.mean == pytest.approx(20)
    recent.note(99, 99 * 20.0 - 500, now=99 + SPAN_S)
    assert recent.mean is None


def test_it_keeps_no_more_than_its_span() -> None:
    recent = RecentMean()
    for second in range(1000):
        recent.note(second, 1.0, now=second)
    assert len(recent._noted) <= SPAN_S + 2
