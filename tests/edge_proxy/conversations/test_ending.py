import pytest

from edge_proxy.conversations.ending import replaces, reply, shown
from edge_proxy.conversations.records import Reply, State
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Outcome, Usage
from tests.edge_proxy.conversations.kept import reply as made

STATES = {
    Code.CANCELLED: State.INTERRUPTED,
    Code.WORKER_LOST: State.INTERRUPTED,
    Code.SERVER_DRAINING: State.INTERRUPTED,
    Code.UNAUTHENTICATED: State.INTERRUPTED,
    Code.TIMEOUT: State.FAILED,
    Code.GENERATION_ERROR: State.FAILED,
    Code.INTERNAL_ERROR: State.FAILED,
}


def test_a_reply_that_came_to_its_end_is_complete_and_counted_as_its_worker_counts() -> None:
    ended = reply(Outcome("length", Usage(9, 57)), "Hoo.", tokens=3, generation_id="w1-7")
    assert (ended.state, ended.text, ended.finish_reason) == (State.COMPLETE, "Hoo.", "length")
    assert (ended.prompt_tokens, ended.completion_tokens, ended.generation_id) == (9, 57, "w1-7")


@pytest.mark.parametrize("code", STATES)
def test_a_reply_that_did_not_says_why_and_keeps_its_text(code: Code) -> None:
    ended = reply(Failure(code), "Ho", tokens=3, generation_id="w1-7")
    assert (ended.state, ended.text, ended.error_code) == (STATES[code], "Ho", code)
    assert (ended.prompt_tokens, ended.completion_tokens) == (0, 3)


def test_a_character_that_no_database_keeps_is_replaced() -> None:
    assert reply(Failure(Code.CANCELLED), "a\0b", tokens=1, generation_id="").text == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("new", "state", "text", "taken"),
    [
        (made("x", State.INTERRUPTED), State.RUNNING, "", True),
        (made("", State.FAILED), State.RUNNING, "", True),
        (made("xy", State.COMPLETE), State.INTERRUPTED, "x", True),
        (made("xy", State.COMPLETE), State.FAILED, "x", True),
        (made("xy", State.INTERRUPTED), State.INTERRUPTED, "x", True),
        (made("x", State.INTERRUPTED), State.INTERRUPTED, "xy", False),
        (made("x", State.INTERRUPTED), State.FAILED, "x", False),
        (made("xyz", State.INTERRUPTED), State.COMPLETE, "xy", False),
        (made("xyz", State.COMPLETE), State.COMPLETE, "xy", False),
    ],
)
def test_what_is_complete_stays_and_more_text_wins_over_less(new: Reply, state: State, text: str, taken: bool) -> None:
    assert replaces(new, state=state, text=text) is taken


def test_what_nobody_says_is_running_is_shown_as_interrupted() -> None:
    assert shown(State.RUNNING, until_s=10.0, now_s=9.0) is State.RUNNING
    assert shown(State.RUNNING, until_s=10.0, now_s=11.0) is State.INTERRUPTED
    assert shown(State.COMPLETE, until_s=0.0, now_s=11.0) is State.COMPLETE
