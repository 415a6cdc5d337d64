"""The shapes in which OpenAI-compatible services answer, as far as they matter here.

Services differ in what they add and leave out, so all is optional, and what is not named is ignored. A chunk of a
stream, an answer in one piece and an error are one shape.
"""

from pydantic import BaseModel


class Function(BaseModel):
    """What is called, or a fragment of with what."""

    name: str | None = None
    arguments: str | None = None


class CallPart(BaseModel):
    """A tool call, or a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Said(BaseModel):
    """A message, or a delta of one."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: object = None  # the same under another name, where it is text
    tool_calls: list[CallPart] | None = None

    @property
    def thought(self) -> str:
        """What was thought, by either name."""
        return self.reasoning_content or (self.reasoning if isinstance(self.reasoning, str) else "")


class Choice(BaseModel):
    """One answer, or a piece of it."""

    delta: Said | None = None
    message: Said | None = None
    text: str | None = None  # of a completion
    finish_reason: str | None = None


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(BaseModel):
    """What one event says, or a whole answer."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: object = None
