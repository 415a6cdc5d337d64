from collections.abc import Sequence
from typing import Any

import pytest

from inference_worker.label import Channel
from inference_worker.pipelines.plans import OFF, PLANS, code_in, objections_in
from inference_worker.pipelines.steps import Ask, Execute, Execution, Made, Step, Tell, Terms
from inference_worker.request import PIPELINES, Message

ASKED = (Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "What are two and two?"))
BLOCK = "```python\nprint(4)\n```"
RAN = Execution("4\n", "cG5n", {"data": []})


def go_through(
    name: str, answers: Sequence[Any], *, rounds: int = 3, executes: bool = False
) -> tuple[list[Step], Made]:
    """The steps of a plan to whose asking these answers are given, in turn; and what it has made."""
    made = Made()
    plan = PLANS[name](ASKED, Terms(rounds, executes), made)
    steps: list[Step] = []
    left = list(answers)
    answer: Any = None
    while True:
        try:
            steps.append(plan.send(answer))
        except StopIteration:
            assert not left, "the plan wants more"
            return steps, made
        answer = None if isinstance(steps[-1], Tell) else left.pop(0)


def stages(steps: Sequence[Step]) -> list[str]:
    return [step.stage for step in steps]


def asked_of(step: Step) -> str:
    assert isinstance(step, Ask)
    return step.messages[-1].content


def test_there_is_a_plan_for_every_pipeline_that_can_be_asked_for() -> None:
    assert tuple(PLANS) == PIPELINES


def test_ask_passes_the_conversation_on_as_it_is() -> None:
    steps, made = go_through("ask", ["4."])
    assert steps == [Ask("answer", Channel.ANSWER, ASKED)]
    assert made == Made(reply="4.")


def test_a_single_agent_writes_code_has_it_run_and_explains() -> None:
    steps, made = go_through("agent_single", [BLOCK, RAN, "Four."], executes=True)
    assert stages(steps) == ["code", "execution", "execution", "explanation"]
    assert steps[2] == Execute("execution", "print(4)\n")
    assert "4\n" in asked_of(steps[3])
    assert made == Made("Four.", "print(4)\n", "4\n", "cG5n", {"data": []})


def test_where_code_is_not_run_it_says_so_and_explains_all_the_same() -> None:
    steps, made = go_through("agent_single", [BLOCK, "Four."])
    assert steps[1] == Tell("execution", OFF)
    assert "not executed" in asked_of(steps[2])
    assert made == Made("Four.", "print(4)\n")


def test_without_code_there_is_nothing_to_run() -> None:
    steps, made = go_through("agent_single", ["I can not.", "Four."], executes=True)
    assert stages(steps) == ["code", "execution", "explanation"]
    assert isinstance(steps[1], Tell)
    assert made == Made("Four.")


def test_what_is_thought_and_what_is_answered() -> None:
    steps, _ = go_through("agent_multi", ["1. Add.", "4.", "ACCEPT"])
    channels = [(step.stage, step.channel) for step in steps if isinstance(step, Ask)]
    assert channels == [
        ("planner", Channel.REASONING),
        ("executor", Channel.ANSWER),
        ("verifier", Channel.REASONING),
    ]
    assert "1. Add." in asked_of(steps[1])
    assert "4." in asked_of(steps[2])


def test_objections_go_back_to_the_executor_with_its_answer() -> None:
    steps, made = go_through("agent_multi", ["1. Add.", "5.", "OBJECT It is not 5.", "4.", "Accept."])
    assert stages(steps) == ["planner", "executor", "verifier", "executor", "executor", "verifier"]
    again = steps[4]
    assert isinstance(again, Ask)
    assert again.round == 2
    assert "5." in asked_of(again)
    assert "It is not 5." in asked_of(again)
    assert made.reply == "4."


def test_after_the_last_round_the_answer_stands() -> None:
    steps, made = go_through("agent_multi", ["1.", "5.", "OBJECT", "6.", "OBJECT"], rounds=2)
    assert isinstance(steps[-1], Tell)
    assert made.reply == "6."


def test_a_later_answer_without_code_has_none_of_the_one_before() -> None:
    _, made = go_through("agent_multi", ["1.", BLOCK, RAN, "OBJECT", "4.", "ACCEPT"], executes=True)
    assert made == Made("4.")


def test_the_conversation_before_is_there_in_every_stage() -> None:
    for name, answers in (("agent_single", ["x", "y"]), ("agent_multi", ["1.", "4.", "ACCEPT"])):
        steps, _ = go_through(name, answers)
        for step in steps:
            assert not isinstance(step, Ask) or step.messages[:-1] == ASKED[:-1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Here:\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("```py\na\n```\n```python \nb\n```", "b\n"),
        ("```python\n```", ""),
        ("```python\nx = '''\n``` no end\n'''\n```", "x = '''\n``` no end\n'''\n"),
        ("```python\nx = 1\n", None),
        ("```js\nx\n```", None),
        ("print(1)", None),
    ],
)
def test_code_is_the_last_whole_block(text: str, code: str | None) -> None:
    assert code_in(text) == code


@pytest.mark.parametrize(
    ("verdict", "objections"),
    [
        ("ACCEPT", ""),
        (" **Accepted.** It is right.", ""),
        ("OBJECT\nIt is wrong.", "OBJECT\nIt is wrong."),
        ("I do not know.", "I do not know."),
        ("Acceptable it is not.", "Acceptable it is not."),
        (" \n", "The verifier said nothing."),
    ],
)
def test_a_verdict_accepts_in_one_word_or_objects(verdict: str, objections: str) -> None:
    assert objections_in(verdict) == objections
