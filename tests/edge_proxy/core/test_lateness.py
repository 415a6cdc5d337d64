import pytest

from edge_proxy.core.lateness import LOOKS, Lateness

MAX_S = 0.25
MOST = LOOKS // 2 + 1


def looks(lateness: Lateness, *lags_s: float) -> list[bool]:
    return [lateness.look(lag_s=lag_s) for lag_s in lags_s]


@pytest.mark.parametrize("lag_s", [0.0, 0.01, MAX_S])
def test_a_lag_up_to_the_limit_is_none(lag_s: float) -> None:
    assert not any(looks(Lateness(max_lag_s=MAX_S), *[lag_s] * 20))


def test_one_look_changes_nothing_however_late_it_is() -> None:
    lateness = Lateness(max_lag_s=MAX_S)
    for _ in range(5):
        assert not any(looks(lateness, 60.0, *[0.0] * (LOOKS - 1)))


def test_most_looks_do() -> None:
    lateness = Lateness(max_lag_s=MAX_S)
    assert looks(lateness, *[0.3] * MOST) == [False] * (MOST - 1) + [True]


def test_one_look_in_time_does_not_end_it() -> None:
    lateness = Lateness(max_lag_s=MAX_S)
    looks(lateness, *[1.0] * LOOKS)
    for _ in range(5):
        assert all(looks(lateness, 0.0, *[1.0] * (LOOKS - 1)))


def test_it_ends_soon_after_the_work_does() -> None:
    lateness = Lateness(max_lag_s=MAX_S)
    looks(lateness, *[10.0] * 100)
    assert looks(lateness, *[0.0] * MOST) == [True] * (MOST - 1) + [False]


def test_between_the_two_limits_it_stays_as_it_is() -> None:
    lateness = Lateness(max_lag_s=MAX_S)
    between_s = 0.8 * MAX_S
    assert not any(looks(lateness, *[between_s] * 20))
    looks(lateness, *[1.0] * LOOKS)
    assert all(looks(lateness, *[between_s] * 20))
    assert not looks(lateness, *[0.4 * MAX_S] * LOOKS)[-1]
