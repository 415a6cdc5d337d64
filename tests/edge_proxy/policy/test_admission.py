from typing import Any

import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.request import GenerationRequest
from edge_proxy.policy.admission import Admission, Terms

ASKED = GenerationRequest(prompt="x")


def make_admission(**terms: Any) -> Admission:
    silence = {"first_token_timeout_s": 60.0, "gap_timeout_s": 30.0}
    defaults = {"max_streams": 2, "timeout_s": 120.0, "max_timeout_s": 600.0, "batch_interval_s": 0.05}
    return Admission(Terms(**(defaults | silence | terms)))


def refusal(admission: Admission, request: GenerationRequest = ASKED) -> Failure:
    with pytest.raises(Refused) as caught:
        admission.admit(request)
    return caught.value.failure


def test_what_was_left_open_is_filled_in_and_nothing_else() -> None:
    assert make_admission().admit(ASKED) == GenerationRequest(
        prompt="x", timeout_s=120.0, first_token_timeout_s=60.0, gap_timeout_s=30.0, batch_interval_s=0.05
    )


@pytest.mark.parametrize("interval_s", [0.0, 1.0])
def test_what_was_asked_for_is_kept(interval_s: float) -> None:
    asked = GenerationRequest(
        prompt="x", timeout_s=600.0, first_token_timeout_s=61.0, gap_timeout_s=31.0, batch_interval_s=interval_s
    )
    assert make_admission().admit(asked) == asked


def test_streams_are_counted_until_they_are_released() -> None:
    admission = make_admission(max_streams=2)
    admission.admit(ASKED)
    admission.admit(ASKED)
    assert refusal(admission) == Failure(Code.OVERLOADED)
    admission.release()
    admission.admit(ASKED)
    assert admission.streams == 2
    assert refusal(admission).code is Code.OVERLOADED


@pytest.mark.parametrize("field", ["timeout_s", "first_token_timeout_s", "gap_timeout_s"])
def test_more_time_than_there_is_is_refused_and_not_counted(field: str) -> None:
    asked: dict[str, Any] = {"prompt": "x", field: 600.5}
    admission = make_admission()
    failure = refusal(admission, GenerationRequest(**asked))
    assert failure == Failure(Code.INVALID_REQUEST, "At most 600 seconds can be asked for.", field)
    assert admission.streams == 0


def test_who_asks_for_no_time_is_not_refused_for_it() -> None:
    assert make_admission(timeout_s=900.0, max_timeout_s=600.0).admit(ASKED).timeout_s


def test_while_it_is_behind_everyone_is_refused_and_may_come_again() -> None:
    admission = make_admission()
    admission.late = True
    failure = refusal(admission)
    assert (failure.code, failure.status, failure.retryable) == (Code.SERVER_BUSY, 503, True)
    admission.late = False
    admission.admit(ASKED)
    assert admission.streams == 1


def test_while_draining_everyone_is_refused() -> None:
    admission = make_admission()
    admission.admit(ASKED)
    admission.draining = True
    assert refusal(admission) == Failure(Code.SERVER_DRAINING)
    assert admission.streams == 1
    admission.release()
    assert admission.streams == 0


@pytest.mark.parametrize(
    ("asked", "impatient"),
    [
        ({}, False),
        ({"timeout_s": 119.0}, True),
        ({"first_token_timeout_s": 59.0}, True),
        ({"gap_timeout_s": 29.0}, True),
        ({"timeout_s": 120.0, "first_token_timeout_s": 61.0, "gap_timeout_s": 31.0}, False),
    ],
)
def test_who_bears_less_than_the_edge_itself_is_impatient(asked: dict[str, Any], impatient: bool) -> None:
    granted = make_admission().admit(GenerationRequest(prompt="x", **asked))
    assert granted.impatient is impatient
