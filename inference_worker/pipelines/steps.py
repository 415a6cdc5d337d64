"""What staged answers are made of: the steps that a plan asks for, and what comes back."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from inference_worker.label import Channel
from inference_worker.request import Message


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the model answer these messages; its text comes back. `round`: the how manyeth time this stage is asked."""

    stage: str
    channel: Channel
    messages: tuple[Message, ...]
    round: int = 1


@dataclass(frozen=True, slots=True)
class Tell:
    """Say what is being done, in words for a person. Nothing comes back."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Run Python code; an `Execution` comes back."""

    stage: str
    code: str


Step = Ask | Tell | Execute


class Execution(NamedTuple):
    """What has come of running code: what it printed, with a note where it was stopped, and its figures."""

    result: str
    image: str | None = None  # a PNG, in base64
    plotly_json: dict[str, Any] | None = None


@dataclass(slots=True)
class Made:
    """What a staged answer comes to; a plan fills it as it goes, so that it is right wherever that ends."""

    reply: str = ""
    generated_code: str | None = None
    execution_result: str | None = None
    image: str | None = None
    plotly_json: dict[str, Any] | None = None


class Terms(NamedTuple):
    """What a plan must keep to."""

    rounds: int  # at most
    executes: bool  # code may be run


Steps = Generator[Step, Any, None]
Plan = Callable[[Sequence[Message], Terms, Made], Steps]
