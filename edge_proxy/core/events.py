"""What a client's stream consists of: one closed union, which every dialect spells in its own way.

Delta* (Finished | Failed)      with any number of Ping between
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from edge_proxy.core.errors import Failure


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as in OpenAI's API."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended well: "stop", "length", "tool_calls" or "content_filter"."""

    finish_reason: str
    usage: Usage


class Channel(StrEnum):
    """What text is."""

    ANSWER = "answer"
    REASONING = "reasoning"  # what the model thinks before it answers
    TOOL_CALL = "tool_call"  # a piece of a call's arguments, which are JSON
    PROGRESS = "progress"  # what is being done, in words for a person; each label begins a new one
    RESULT = "result"  # what a staged answer has made besides text: one JSON object
    MEDIA = "media"  # content that is no text, by reference: one JSON object with "url" and "mediaType"
    OTHER = "other"  # of a newer worker: no dialect of this edge knows it


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Which call of an answer, the id that its result will name, and the tool's name."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """What text is, and which stage of a staged answer says it; "" where there are no stages."""

    channel: Channel = Channel.ANSWER
    stage: str = ""
    tool_call: ToolCall | None = None


ANSWER = Label()


class Delta(NamedTuple):  # not a dataclass as the others, because it is made most and a frozen one takes twice as long
    """Text since the delta before; `next_index` is the log's index behind it.

    Deltas in a row that share one label object are one text cut in pieces; another object, even an equal one, begins
    another text. `ANSWER` itself is what nearly all deltas have.
    """

    text: str
    next_index: int
    label: Label = ANSWER


@dataclass(frozen=True, slots=True)
class Ping:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a success, with the last of the answer's text."""

    text: str
    next_index: int
    outcome: Outcome

    @property
    def cursor(self) -> int:
        """Where a reader stands who has got this: behind the ending, which counts as an entry."""
        return self.next_index + 1


@dataclass(frozen=True, slots=True)
class Failed:
    """The end of a failure; all text made before it has been sent."""

    failure: Failure
    next_index: int

    @property
    def cursor(self) -> int:
        """Where a reader stands who has got this: at the end of the text, unless there will never be more."""
        return self.next_index + self.failure.final


Event = Delta | Ping | Finished | Failed
