"""What a dialect is: a way of spelling a stream. Pure; one file each, and one row in the table of `__init__`."""

from typing import Protocol

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Event


class Encoder(Protocol):
    """Spells one stream."""

    def begin(self) -> bytes:
        """The first bytes, before any token: a reader learns that it is connected, and proxies let the headers go."""

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """The event's bytes. `unix_s` is the time of day, for dialects that tell it."""


class Dialect(Protocol):
    """Spells streams, and refusals before them."""

    headers: tuple[tuple[bytes, bytes], ...]  # of a stream

    def encoder(self, generation_id: str) -> Encoder:
        """An encoder for one stream."""

    def refusal(self, failure: Failure, *, request_id: str) -> tuple[str, bytes]:
        """The media type and body of a response that says why there is no stream."""
