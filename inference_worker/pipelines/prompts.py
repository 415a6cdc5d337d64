"""What the stages of an agent are told: plain short texts, each the user's last message in the conversation's place.

Everything a stage needs is in that one message, because models differ in what they make of others.
"""

from collections.abc import Sequence

from inference_worker.pipelines.steps import Execution
from inference_worker.request import Message

ACCEPT, OBJECT = "ACCEPT", "OBJECT"

CODE = """\
Write Python that answers this task. Print what it finds. Use only the standard library, unless the task asks for a \
figure: save one as figure.png, or as Plotly's JSON in figure.json, in the working directory.
Answer with one block of code that begins with ```python, and nothing else.

Task: {task}"""

EXPLANATION = """\
Answer the task in a few sentences, from what the code has shown. Write no code.

Task: {task}

Code:
{code}

What came of it:
{outcome}"""

PLAN = """\
Make a short plan for this task: at most five numbered steps, one line each. Do not carry it out.

Task: {task}"""

WORK = """\
Carry out the plan and give the whole answer to the task. If code has to be run for it, add one block of Python that \
begins with ```python and prints what it finds.

Task: {task}

Plan:
{plan}"""

AGAIN = """

Your answer before:
{reply}

It was objected to:
{objections}

Give the whole answer again, without these faults."""

VERIFY = """\
Check whether the answer does what the task asks. Begin with the one word {accept} if it does. Else begin with the one \
word {object}, and say in a few lines what is wrong.

Task: {task}

Plan:
{plan}

Answer:
{reply}"""

OUTPUT = """

What its code printed:
{outcome}"""

NO_CODE = "There is no code."
NOT_RUN = "The code was not executed."


def code(messages: Sequence[Message]) -> tuple[Message, ...]:
    """For code that answers what was said last."""
    return _asked(messages, CODE.format(task=messages[-1].content))


def explanation(messages: Sequence[Message], code: str | None, ran: Execution | None) -> tuple[Message, ...]:
    """For an answer from what the code has shown."""
    outcome = ran.result if ran else NOT_RUN
    text = EXPLANATION.format(task=messages[-1].content, code=code or NO_CODE, outcome=outcome if code else NO_CODE)
    return _asked(messages, text)


def plan(messages: Sequence[Message]) -> tuple[Message, ...]:
    """For a plan."""
    return _asked(messages, PLAN.format(task=messages[-1].content))


def work(messages: Sequence[Message], plan: str, reply: str, objections: str) -> tuple[Message, ...]:
    """For an answer by that plan; for a better one than `reply`, where there are objections."""
    text = WORK.format(task=messages[-1].content, plan=plan)
    if objections:
        text += AGAIN.format(reply=reply, objections=objections)
    return _asked(messages, text)


def verify(messages: Sequence[Message], plan: str, reply: str, ran: Execution | None) -> tuple[Message, ...]:
    """For a verdict on that answer."""
    task = messages[-1].content
    text = VERIFY.format(accept=ACCEPT, object=OBJECT, task=task, plan=plan, reply=reply)
    if ran:
        text += OUTPUT.format(outcome=ran.result)
    return _asked(messages, text)


def _asked(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    return (*messages[:-1], Message("user", text))
