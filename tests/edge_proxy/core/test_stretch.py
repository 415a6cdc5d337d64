import pytest

from edge_proxy.core.stretch import FULL, LATE_S, Stretch

MAX_FACTOR = 3.0


def make_stretch() -> Stretch:
    return Stretch(max_factor=MAX_FACTOR)


def after(looks: int, stretch: Stretch, **seen: float) -> float:
    for _ in range(looks):
        stretch.look(**seen)
    return stretch.factor


def test_a_process_with_time_to_spare_stretches_nothing() -> None:
    assert after(100, make_stretch(), busy=0.8, lag_s=0.01) == 1.0


@pytest.mark.parametrize("seen", [{"busy": 1.0, "lag_s": 0.0}, {"busy": 0.1, "lag_s": 2 * LATE_S}])
def test_what_is_behind_is_stretched_smoothly_as_far_as_may_be_and_back(seen: dict[str, float]) -> None:
    stretch = make_stretch()
    rise = [stretch.look(**seen) for _ in range(30)]
    assert rise == sorted(rise)
    assert all(later / earlier <= 1.11 for earlier, later in zip([1.0, *rise], rise, strict=False))
    assert rise[-1] == MAX_FACTOR
    fall = [stretch.look(busy=0.2, lag_s=0.0) for _ in range(30)]
    assert fall == sorted(fall, reverse=True)
    assert fall[0] >= 0.94 * MAX_FACTOR
    assert fall[-1] == 1.0


def test_it_settles_where_the_process_is_just_full() -> None:
    stretch = make_stretch()
    factors = []
    for _ in range(200):
        busy = 0.2 + 1.0 / stretch.factor  # a part that does not depend on events, and a part that does
        factors.append(stretch.look(busy=min(busy, 1.0), lag_s=0.0))
    assert factors[-1] == pytest.approx(1.0 / (FULL - 0.2), rel=0.01)
    assert max(factors[-50:]) - min(factors[-50:]) < 0.01


def test_it_can_be_turned_off() -> None:
    assert after(10, Stretch(max_factor=1), busy=1.0, lag_s=1.0) == 1.0
