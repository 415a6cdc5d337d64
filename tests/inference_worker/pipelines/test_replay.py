"""How a plan is found again in what was said. That nothing is lost wherever it is cut: test_performance."""

import pytest

from inference_worker.label import Channel, Label
from inference_worker.pipelines.plans import PLANS
from inference_worker.pipelines.replay import Place, Tally, replay
from inference_worker.pipelines.results import Turn, spell_turn
from inference_worker.pipelines.steps import Ask, Made, Terms
from inference_worker.request import Message, Piece
from inference_worker.status import Code, Refused

PLANNER = Label(Channel.REASONING, "planner")
DONE = Label(Channel.RESULT, "planner")
TURN = spell_turn(Turn("stop", 7, 3))


def at(*said: tuple[str, Label | None], tally: Tally | None = None, pipeline: str = "agent_multi") -> Place:
    """Where an answer stands that has said this, an entry each."""
    pieces = [Piece(text, number, label) for number, (text, label) in enumerate(said, 1)]
    plan = PLANS[pipeline]((Message("user", "2 + 2?"),), Terms(3, executes=True), Made())
    return replay(plan, pieces, tally or Tally())


def stage_of(place: Place) -> str:
    assert isinstance(place.step, Ask)
    return place.step.stage


def test_nothing_said_is_the_beginning() -> None:
    place = at()
    assert stage_of(place) == "planner"
    assert (place.said, place.entries) == ("", 0)


def test_a_turn_without_its_result_is_cut_and_goes_on_from_its_text() -> None:
    place = at(("1. ", PLANNER), ("Add", None))
    assert stage_of(place) == "planner"
    assert (place.said, place.entries) == ("1. Add", 2)


def test_a_turn_with_its_result_is_over_and_counted() -> None:
    tally = Tally(limit=10)
    place = at(("1. Add", PLANNER), (TURN, DONE), tally=tally)
    assert stage_of(place) == "executor"
    assert (tally.prompt_tokens, tally.completion_tokens, tally.left) == (7, 3, 7)


def test_a_label_that_was_said_twice_begins_nothing_new() -> None:
    place = at(("1. ", PLANNER), ("Add", PLANNER))
    assert (place.said, place.entries) == ("1. Add", 2)


def test_a_turn_that_said_nothing_has_its_result_all_the_same() -> None:
    assert stage_of(at((TURN, DONE))) == "executor"


def test_where_the_tokens_are_used_up_there_is_only_the_end() -> None:
    tally = Tally(limit=3)
    place = at(("1. Add", PLANNER), (TURN, DONE), ('{"rep', Label(Channel.RESULT)), tally=tally)
    assert tally.left == 0
    assert place.results == ['{"rep']


def test_what_a_model_thought_by_itself_can_not_be_gone_on_with() -> None:
    with pytest.raises(Refused, match="where it thinks") as refused:
        at(("Hm", Label(Channel.REASONING, "planner.reasoning")))
    assert refused.value.failed.code is Code.INVALID_ARGUMENT


def test_what_it_thought_is_no_part_of_the_turn_that_is_over() -> None:
    thought = ("Hm", Label(Channel.REASONING, "planner.reasoning"))
    place = at(thought, ("1. Add", PLANNER), (TURN, DONE))
    assert isinstance(place.step, Ask)
    assert "1. Add" in place.step.messages[-1].content
    assert "Hm" not in place.step.messages[-1].content


@pytest.mark.parametrize(
    "said",
    [
        [("Hello", None)],
        [("1.", Label(Channel.REASONING, "thinker"))],
        [("1.", PLANNER), ("nothing", DONE)],
        [("1.", PLANNER), ('{"usage":{}}', DONE)],
        [("1.", PLANNER), ("x", Label(Channel.PROGRESS, "planner"))],
        [("1.", PLANNER), (TURN, DONE), ("{}", Label(Channel.RESULT))],
        [("1.", PLANNER), (TURN, DONE), ("4", Label(stage="executor")), ("5", PLANNER)],
    ],
)
def test_what_is_of_no_such_answer_is_refused(said: list[tuple[str, Label | None]]) -> None:
    with pytest.raises(Refused, match="not of these stages") as refused:
        at(*said)
    assert refused.value.failed.field == "continuation.pieces"
