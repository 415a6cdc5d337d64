"""What the entries of a log are, where they are not just the answer: see `Label` in protos/inference.proto.

A label counts from one index to the next label, so that it costs nothing per entry.
"""

from dataclasses import dataclass
from enum import IntEnum


class Channel(IntEnum):
    """What text is. The numbers are those of protos/inference.proto."""

    ANSWER = 0
    REASONING = 1  # what the model thinks before it answers
    TOOL_CALL = 2  # a piece of a call's arguments, which are JSON
    PROGRESS = 3  # what is being done, in words for a person
    RESULT = 4  # what a staged answer has made besides text: one JSON object
    MEDIA = 5  # content that is no text, by reference: one JSON object


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Which call of an answer, the id that its result will name, and the tool's name."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """What text is, and which stage of a staged answer says it, if there are stages."""

    channel: Channel = Channel.ANSWER
    stage: str = ""
    tool_call: ToolCall | None = None

    @property
    def chars(self) -> int:
        """How much text it holds."""
        return len(self.stage) + (len(self.tool_call.id) + len(self.tool_call.name) if self.tool_call else 0)


ANSWER = Label()
