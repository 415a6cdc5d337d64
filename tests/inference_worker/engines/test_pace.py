"""How long tokens are held back, on a clock of ours."""

import pytest

from inference_worker.engines.pace import Pace, parse_bound
from inference_worker.status import Refused


def test_a_model_that_is_faster_is_held_to_the_pace() -> None:
    pace, now, came = Pace(10, 100.0), 100.0, []
    for _ in range(4):
        came.append(now)
        now += pace.wait_s(now) + 0.001  # which making a token takes
    assert came == pytest.approx([100.0, 100.1, 100.2, 100.3], abs=0.002)


def test_a_model_that_is_slower_waits_for_nothing() -> None:
    pace = Pace(10, 100.0)
    assert [pace.wait_s(100.0 + step) for step in (5, 10, 15)] == [0, 0, 0]


def test_lost_time_is_made_up_for_by_one_token_at_most() -> None:
    pace = Pace(10, 100.0)
    assert pace.wait_s(105.0) == 0
    assert pace.wait_s(105.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("given", "bound"), [({}, 7.0), ({"tokens_per_second": "0"}, 0.0), ({"tokens_per_second": "2.5"}, 2.5)]
)
def test_a_request_says_its_own_bound_or_has_the_workers(given: dict[str, str], bound: float) -> None:
    assert parse_bound(given, 7) == bound


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "fast", "", "1e7"])
def test_what_is_no_bound_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="0 to a million"):
        parse_bound({"tokens_per_second": value}, 0)
