"""What an engine is: it prepares a request, and then runs it into a sink."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from inference_worker.label import Label
from inference_worker.request import Request
from inference_worker.status import invalid


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
    """How a run ended by itself: a finish reason of OpenAI's API, and how long the prompt was.

    `completion_tokens` is for an engine that knows better than by the tokens pushed.
    """

    reason: str
    prompt_tokens: int
    completion_tokens: int | None = None


class Sink(Protocol):
    """Where an engine puts its tokens. To be used on the event loop's thread."""

    def push(self, text: str) -> bool:
        """Take one token's text ("" if it completes no character). False: make no more tokens, and return."""

    def push_bytes(self, data: bytes) -> bool:
        """Take one token's bytes, which may end within a character."""

    def label(self, label: Label) -> None:
        """Say what the tokens from here on are; the answer, as long as nothing is said."""


def _nothing() -> None:
    """What there is to free of a run that took nothing."""


class Run(NamedTuple):
    """A request that is ready to run.

    `play` is one coroutine: it returns when the model ends or the sink says so, and frees everything when it is
    cancelled. When it can not go on it raises `EngineError`, or `Refused` where another code than INTERNAL says more.
    `drop` frees what preparing took; it is called once, when the run is over, or will not be.
    """

    play: Callable[[Sink], Awaitable[Finish]]
    drop: Callable[[], None] = _nothing


NO_TROUBLES: Mapping[str, int] = MappingProxyType({})
"""Of an engine that needs no service."""


def refuse_extras(request: Request, *, engine: str) -> None:
    """For an engine that has none.

    Raises:
        Refused: The request has one; the field is named.
    """
    for name in request.extras:
        raise invalid(name, f"The {engine} engine can not do that.")


class Engine(Protocol):
    """One way to generate text: one file here, and one row in the table of `engines/__init__.py`."""

    @property
    def models(self) -> Sequence[Model]:
        """What it serves, the default one first."""

    @property
    def capacity(self) -> int:
        """How many run at once, at most; 0: as many as the worker lets."""

    @property
    def troubles(self) -> Mapping[str, int]:
        """How often something went wrong with a service that it needs, by what it was."""

    async def prepare(self, request: Request) -> Run:
        """Check all that can be checked before the first token, and say how to run the request.

        Raises:
            Refused: The request asks for what this engine can not do; the field is named.
        """

    async def close(self) -> None:
        """Free what the engine holds. Nothing runs any more."""
