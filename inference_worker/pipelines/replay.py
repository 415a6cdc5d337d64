"""Where a staged answer stands that another worker began: its plan is gone through again, by what was said.

Steps that are over are not carried out again: what came of them is in the text. The step that was cut is known by its
text so far, and goes on from there. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, assert_never

from inference_worker.label import ANSWER, Channel, Label
from inference_worker.pipelines.results import Turn, read, read_execution, read_turn
from inference_worker.pipelines.steps import Ask, Execute, Step, Steps, Tell
from inference_worker.request import Piece
from inference_worker.status import Refused, invalid

FIELD = "continuation.pieces"


@dataclass(slots=True)
class Section:
    """Text under one label, of so many entries."""

    label: Label
    text: str = ""
    entries: int = 0


@dataclass(slots=True)
class Tally:
    """What the turns of the model have used. `limit` is of tokens; None: there is none."""

    limit: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = "stop"  # of the turn that was last

    def add(self, turn: Turn) -> None:
        """One is over."""
        self.prompt_tokens += turn.prompt_tokens
        self.completion_tokens += turn.completion_tokens
        self.finish_reason = turn.finish_reason

    @property
    def left(self) -> int | None:
        """Tokens that may be made yet; None: any number."""
        return None if self.limit is None else max(0, self.limit - self.completion_tokens)


@dataclass(slots=True)
class Place:
    """Where a plan stands: the step that is next, and what it has said already. None: the plan is over.

    `results` is what there is of a result that was not completed: of the step, or of all of them.
    """

    step: Step | None
    said: str = ""
    entries: int = 0
    results: list[str] = field(default_factory=list)


def own_label(step: Ask) -> Label:
    """Of what a turn is for."""
    return Label(step.channel, step.stage)


def thought_label(step: Ask) -> Label:
    """Of what the model thinks in it by itself."""
    return Label(Channel.REASONING, f"{step.stage}.reasoning")


def result_label(step: Step | None) -> Label:
    """Of what a step comes to, or all of them."""
    return Label(Channel.RESULT, step.stage if step else "")


def advance(plan: Steps, answer: Any = None) -> Step | None:
    """The next step; None: there is none."""
    try:
        return plan.send(answer)
    except StopIteration:
        return None


def replay(plan: Steps, pieces: Iterable[Piece], tally: Tally) -> Place:
    """Bring a plan that has not begun to where it stood, and the tally with it.

    Raises:
        Refused: The text is none of this plan's, or it was cut where no engine can go on.
    """
    past = _sections(pieces)
    step = advance(plan)
    while step is not None and past and tally.left != 0:
        cut, answer = _take(step, past, tally)
        if cut:
            if past:
                raise _alien()
            return cut
        step = advance(plan, answer)
    texts = [section.text for section in _taken(past, result_label(None))]
    if past or (texts and step is not None and tally.left != 0):
        raise _alien()
    return Place(step, results=texts)


def _sections(pieces: Iterable[Piece]) -> list[Section]:
    made: list[Section] = []
    behind = 0
    for text, next_index, label in pieces:
        if label or not made:
            made.append(Section(label or ANSWER))
        made[-1].text += text
        made[-1].entries += next_index - behind
        behind = next_index
    return made


def _take(step: Step, past: list[Section], tally: Tally) -> tuple[Place | None, Any]:
    """Where the step stands; or None, and what came of it. What it said is taken from the past."""
    match step:
        case Ask():
            return _take_turn(step, past, tally)
        case Tell(stage, text):
            if past[0].label != Label(Channel.PROGRESS, stage) or past.pop(0).text != text:
                raise _alien()
            return None, None
        case Execute():
            texts = [section.text for section in _taken(past, result_label(step))]
            if not texts:
                raise _alien()
            made = read(texts)
            return (Place(step, results=texts), None) if made is None else (None, _known(read_execution, made))
        case _:
            assert_never(step)


def _take_turn(step: Ask, past: list[Section], tally: Tally) -> tuple[Place | None, Any]:
    said = _taken(past, own_label(step), thought_label(step))
    own = [section for section in said if section.label == own_label(step)]
    text = "".join([section.text for section in own])
    results = [section.text for section in _taken(past, result_label(step))]
    if not said and not results:
        raise _alien()
    if results:
        tally.add(_known(read_turn, read(results) or {}))
        return None, text
    if len(own) != len(said):
        raise invalid(FIELD, "The model was cut off where it thinks, and can not go on there.")
    return Place(step, text, sum(section.entries for section in own)), None


def _taken(past: list[Section], *labels: Label) -> list[Section]:
    taken: list[Section] = []
    while past and past[0].label in labels:
        taken.append(past.pop(0))
    return taken


def _known(reader: Any, made: dict[str, Any]) -> Any:
    try:
        return reader(made)
    except ValueError:
        raise _alien() from None


def _alien() -> Refused:
    return invalid(FIELD, "What was said is not of these stages, as they are set here.")
