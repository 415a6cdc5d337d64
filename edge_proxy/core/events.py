"""What a client's stream consists of: one closed union, which every dialect spells in its own way.

Delta* (Finished | Failed)      with any number of Ping between
"""

from dataclasses import dataclass
from typing import NamedTuple

from edge_proxy.core.errors import Failure


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as in OpenAI's API."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended well: "stop" or "length"."""

    finish_reason: str
    usage: Usage


class Delta(NamedTuple):  # not a dataclass as the others, because it is made most and a frozen one takes twice as long
    """Text since the delta before; `next_index` is the log's index behind it."""

    text: str
    next_index: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a success, with the last text."""

    text: str
    next_index: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Failed:
    """The end of a failure; all text made before it has been sent."""

    failure: Failure
    next_index: int


Event = Delta | Ping | Finished | Failed
