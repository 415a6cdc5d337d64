import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Event, Failed, Finished, Outcome, Usage
from edge_proxy.core.story import Story

GENERATION = "w1-1"


def ended(ending: Event | None, **known: object) -> Story:
    story = Story(began=10.0, **known)  # type: ignore[arg-type]
    story.end(ending, now=12.5)
    return story


def test_a_finish_tells_why_and_of_how_many_tokens() -> None:
    story = ended(Finished("", 7, Outcome("length", Usage(3, 7))), generation_id=GENERATION)
    assert (story.outcome, story.code, story.finish_reason, story.prompt_tokens) == ("finished", "", "length", 3)
    assert story.duration_s == 2.5
    assert story.first_s is None


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(Code.TIMEOUT, "failed"), (Code.WORKER_LOST, "failed"), (Code.CANCELLED, "cancelled"), (Code.NOT_FOUND, "failed")],
)
def test_a_failure_within_a_stream_is_one_whatever_its_code_but_for_who_left(code: Code, outcome: str) -> None:
    story = ended(Failed(Failure(code), 3), generation_id=GENERATION)
    assert (story.outcome, story.code) == (outcome, code)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (Code.INVALID_REQUEST, "refused"),
        (Code.OVERLOADED, "refused"),
        (Code.ENDED, "refused"),
        (Code.WORKER_UNAVAILABLE, "failed"),
        (Code.TIMEOUT, "failed"),
        (Code.CANCELLED, "cancelled"),
    ],
)
def test_before_a_stream_what_was_asked_for_may_be_to_blame(code: Code, outcome: str) -> None:
    story = ended(None, cause=code)
    assert (story.outcome, story.code) == (outcome, code)


def test_a_stream_that_nobody_saw_the_end_of_was_left() -> None:
    assert ended(None, generation_id=GENERATION).outcome == "cancelled"


def test_a_bug_within_a_stream_is_a_failure() -> None:
    assert ended(None, generation_id=GENERATION, cause=Code.INTERNAL_ERROR).outcome == "failed"
