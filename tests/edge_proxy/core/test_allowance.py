from edge_proxy.core.allowance import Allowance


def taken(allowance: Allowance, count: int, *, now: float) -> int:
    """How many of so many are allowed."""
    return sum(allowance.take(now=now) for _ in range(count))


def test_a_burst_is_allowed_at_once_and_no_more() -> None:
    assert taken(Allowance(burst=100, per_s=20, now=5.0), 150, now=5.0) == 100


def test_it_comes_back_as_time_passes() -> None:
    allowance = Allowance(burst=10, per_s=20, now=0.0)
    assert taken(allowance, 10, now=0.0) == 10
    assert taken(allowance, 10, now=0.26) == 5
    assert taken(allowance, 10, now=0.26) == 0


def test_silence_does_not_save_up_more_than_a_burst() -> None:
    allowance = Allowance(burst=10, per_s=20, now=0.0)
    assert taken(allowance, 50, now=3600.0) == 10


def test_a_steady_pace_within_the_rate_goes_on_for_ever() -> None:
    allowance = Allowance(burst=2, per_s=20, now=0.0)
    assert all(allowance.take(now=number / 19) for number in range(10_000))
    assert not all(allowance.take(now=1000 + number / 21) for number in range(100))
