"""What staged answers say as JSON, in their logs: what each turn of the model used, what code came to, all at last.

A result has an entry per `ENTRY_CHARS` of it, so that a figure fits into frames. One that its worker did not live to
complete is followed by a whole one, under a label of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from inference_worker.pipelines.steps import Execution, Made

ENTRY_CHARS = 4_000


class Turn(NamedTuple):
    """One turn of the model, over."""

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def spell_turn(turn: Turn) -> str:
    """As JSON."""
    usage = {"prompt_tokens": turn.prompt_tokens, "completion_tokens": turn.completion_tokens}
    return _json({"finish_reason": turn.finish_reason, "usage": usage})


def read_turn(said: dict[str, Any]) -> Turn:
    """The turn that was spelled so.

    Raises:
        ValueError: None was.
    """
    try:
        usage = said["usage"]
        return Turn(str(said["finish_reason"]), int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
    except (KeyError, TypeError) as error:
        raise ValueError("this is no turn") from error


def spell_execution(code: str, ran: Execution) -> str:
    """As JSON."""
    made = Made(generated_code=code, execution_result=ran.result, image=ran.image, plotly_json=ran.plotly_json)
    return _json({name: value for name, value in asdict(made).items() if name != "reply"})


def read_execution(said: dict[str, Any]) -> Execution:
    """What code came to, that was spelled so.

    Raises:
        ValueError: Nothing was.
    """
    try:
        return Execution(str(said["execution_result"]), said["image"], said["plotly_json"])
    except KeyError as error:
        raise ValueError("this is nothing that code came to") from error


def spell_made(made: Made) -> str:
    """As JSON."""
    return _json(asdict(made))


def read(texts: Sequence[str]) -> dict[str, Any] | None:
    """The JSON object that these texts are together, or the last ones of them, if those before were cut off."""
    for first in range(len(texts)):
        try:
            said = json.loads("".join(texts[first:]))
        except ValueError:
            continue
        return said if isinstance(said, dict) else None
    return None


def entries(text: str) -> list[str]:
    """The entries of a result."""
    return [text[place : place + ENTRY_CHARS] for place in range(0, len(text), ENTRY_CHARS)]


_json = json.JSONEncoder(separators=(",", ":")).encode
