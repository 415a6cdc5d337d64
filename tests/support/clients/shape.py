"""What a client is asked to do, and what is seen through it: the same for all clients."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question.

    Attributes:
        endpoint: For clients of Server-Sent Events that are not OpenAI's.
        leave: Leave, as the client's documentation has it, as soon as there is text.
        whole: Have the answer in one piece; for clients of the OpenAI dialect.
        silence_s: A client that can bound the silence it bears is to bear this much; None: its default.
    """

    prompt: str = "a fox & a 猫"
    seed: int = 7
    model: str = "scripted"
    temperature: float | None = None
    endpoint: Literal["native", "ask"] = "native"
    leave: bool = False
    whole: bool = False
    silence_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """What a client raises or reports: its own type, and the HTTP status and the error's code where it tells them."""

    type: str
    status: int | None = None
    code: str | None = None


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came to a client."""

    text: str = ""
    finish_reason: str | None = None
    completion_tokens: int | None = None
    pings: int = 0
    last_id: str = ""
    error: Error | None = None


# Asks an edge, by its address. The body of the context runs when all is seen, or the client has left, with the client
# still there: what it holds is not let go by its end.
Drive = Callable[[str, Ask], AbstractAsyncContextManager[Seen]]
