"""What an engine is: it prepares a request, and then runs it into a sink."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference_worker.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that an engine serves, and what can be asked of it."""

    name: str
    engine: str
    context_tokens: int = 0  # prompt and answer together; 0: not known, or no limit
    supports_chat: bool = True
    supports_complete: bool = True
    supports_continue: bool = False  # the text of a lost generation can be gone on with


@dataclass(frozen=True, slots=True)
class Finish:
    """How a run ended by itself: "stop" or "length", and how long the prompt was."""

    reason: str
    prompt_tokens: int


class Sink(Protocol):
    """Where an engine puts its tokens. To be used on the event loop's thread."""

    def push(self, text: str) -> bool:
        """Take one token's text ("" if it completes no character). False: make no more tokens, and return."""

    def push_bytes(self, data: bytes) -> bool:
        """Take one token's bytes, which may end within a character."""


Run = Callable[[Sink], Awaitable[Finish]]


class Engine(Protocol):
    """One way to generate text: one file here, and one row in the table of `engines/__init__.py`."""

    @property
    def models(self) -> Sequence[Model]:
        """What it serves, the default one first."""

    async def prepare(self, request: Request) -> Run:
        """Check all that can be checked before the first token, and say how to run the request.

        The run is one coroutine: it returns when the model ends or the sink says so, raises `EngineError` when it can
        not go on, and frees everything when it is cancelled.

        Raises:
            Refused: The request asks for what this engine can not do; the field is named.
        """

    async def close(self) -> None:
        """Free what the engine holds. Nothing runs any more."""
