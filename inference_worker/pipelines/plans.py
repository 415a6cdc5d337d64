"""The pipelines: which steps a staged answer is made of. Pure: a plan asks for steps, and is told what came of each.

    ask            answer
    agent_single   code -> execution -> explanation
    agent_multi    planner -> executor -> (execution) -> verifier, which accepts or objects: then the executor again

What the reply is made of is said as the answer: the explanation, each executor's whole answer, of which the last one
counts. What leads to it is thinking: code, plan, verdicts. The same text always leads to the same steps, so that where
an answer stands can be found from what it has said.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from inference_worker.label import Channel
from inference_worker.pipelines import prompts
from inference_worker.pipelines.steps import Ask, Execute, Execution, Made, Plan, Step, Steps, Tell, Terms
from inference_worker.request import Message

OFF = "The code is not executed: this worker executes none."
BLOCK = re.compile(r"^```(?:python|py)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
EXECUTION = "execution"


def ask(messages: Sequence[Message], terms: Terms, made: Made) -> Steps:
    """A plain answer."""
    made.reply = yield Ask("answer", Channel.ANSWER, tuple(messages))


def agent_single(messages: Sequence[Message], terms: Terms, made: Made) -> Steps:
    """Code, what comes of it, and what that says."""
    text = yield Ask("code", Channel.REASONING, prompts.code(messages))
    ran = yield from _execute(text, terms, made)
    if made.generated_code is None:
        yield Tell(EXECUTION, "There is no code to execute.")
    asked = prompts.explanation(messages, made.generated_code, ran)
    made.reply = yield Ask("explanation", Channel.ANSWER, asked)


def agent_multi(messages: Sequence[Message], terms: Terms, made: Made) -> Steps:
    """An answer by a plan, which is made again while the verifier objects, and rounds are left."""
    plan = yield Ask("planner", Channel.REASONING, prompts.plan(messages))
    objections = ""
    for number in range(1, terms.rounds + 1):
        if objections:
            yield Tell("executor", f"Round {number} of {terms.rounds} at most.")
        asked = prompts.work(messages, plan, made.reply, objections)
        made.reply = yield Ask("executor", Channel.ANSWER, asked, number)
        ran = yield from _execute(made.reply, terms, made)
        verdict = yield Ask("verifier", Channel.REASONING, prompts.verify(messages, plan, made.reply, ran), number)
        objections = objections_in(verdict)
        if not objections:
            return
    yield Tell("verifier", f"Round {terms.rounds} was the last: the answer stands as it is.")


PLANS: Mapping[str, Plan] = {"ask": ask, "agent_single": agent_single, "agent_multi": agent_multi}


def code_in(text: str) -> str | None:
    """The last whole block of Python in a text; None if there is none."""
    blocks = BLOCK.findall(text)
    return blocks[-1] if blocks else None


def objections_in(verdict: str) -> str:
    """What the verifier objects; "" if it accepts. One that says neither is taken as it speaks: as an objection."""
    first, *_ = verdict.split() or [prompts.OBJECT]
    if first.strip("*.:,!").upper() in (prompts.ACCEPT, f"{prompts.ACCEPT}ED"):
        return ""
    return verdict.strip() or "The verifier said nothing."


def _execute(text: str, terms: Terms, made: Made) -> Generator[Step, Any, Execution | None]:
    """What comes of the code in the text; None if there is none, or it may not be run."""
    code = made.generated_code = code_in(text)
    made.execution_result = made.image = made.plotly_json = None
    if code is None:
        return None
    if not terms.executes:
        yield Tell(EXECUTION, OFF)
        return None
    yield Tell(EXECUTION, "The code is executed.")
    ran: Execution = yield Execute(EXECUTION, code)
    made.execution_result, made.image, made.plotly_json = ran
    return ran
