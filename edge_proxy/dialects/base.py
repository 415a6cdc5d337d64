"""What a dialect is: a way of spelling a stream. Pure; one file each, and one row in the table of `__init__`."""

from collections.abc import Sequence
from typing import Protocol

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Delta, Event, Finished, Usage


class Encoder(Protocol):
    """Spells one stream."""

    def begin(self) -> bytes:
        """The first bytes, before any token: a reader learns that it is connected, and proxies let the headers go."""

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """The event's bytes; none for what the dialect has no words for. `unix_s` is the time of day, if it is told."""


class Dialect(Protocol):
    """Spells streams, and refusals before them."""

    @property
    def name(self) -> str:
        """For logs and metrics."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Of a stream."""

    def encoder(self, generation_id: str, index: int = 0, before: str = "") -> Encoder:
        """An encoder for one answer of a stream. The id is that of the first answer's generation, in all of them.

        `before` is the text of the answer that the client has had already.
        """

    def end(self, generation_id: str, usages: Sequence[Usage]) -> bytes:
        """What is written once, after the last answer has finished; nothing is after a failure."""

    def refusal(self, failure: Failure, *, request_id: str) -> tuple[str, bytes]:
        """The media type and body of a response that says why there is no stream."""


class WholeDialect(Dialect, Protocol):
    """One that also spells answers in one piece."""

    def whole(self, generation_id: str, answers: Sequence[tuple[Sequence[Delta], Finished]]) -> bytes:
        """The body. Of each answer: all before its end, and its end."""
