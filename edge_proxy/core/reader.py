"""The two ends of one stream within the edge: who reads it, and what it is read from.

Upstream knows its readers, and downstream its sources, only by these methods; neither knows the other.
"""

from typing import NamedTuple, Protocol

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Label, Outcome


class Reader(Protocol):
    """Takes what a generation says. Instants are seconds on the event loop's clock."""

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """New text, and the log's index behind it."""

    def label(self, label: Label) -> None:
        """What the text from here on is; the answer, as long as nothing is said."""

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """The generation has ended; nothing follows."""


class Source(Protocol):
    """A generation that is being read."""

    @property
    def moves(self) -> int:
        """How often it has been taken up again, there or elsewhere, since its worker was lost."""

    def pause(self) -> None:
        """Send no text for now."""

    def resume(self) -> None:
        """Send text again, what has come meanwhile first."""

    def leave(self, *, stalled: bool = False) -> None:
        """Stop reading. May be said more than once, and after the end.

        Args:
            stalled: Because it has said nothing for too long, which speaks against its worker.
        """


class Opened(NamedTuple):
    """A generation that a worker has taken on. `before` is what it said before the reader came, if that is known."""

    generation_id: str
    source: Source
    before: str = ""
