"""What one stream was: gathered while it lasts, told once when it has ended."""

from dataclasses import dataclass

from edge_proxy.core.errors import ERRORS, Code
from edge_proxy.core.events import Event, Failed, Finished
from edge_proxy.core.trace import Span

BUSY = 500  # the statuses from here on say that the service failed, and not what was asked for
FINISHED, FAILED, CANCELLED, REFUSED = "finished", "failed", "cancelled", "refused"


@dataclass(slots=True, kw_only=True)
class Story:
    """One stream's. Instants are seconds on the event loop's clock.

    `dialect` is "" until someone is there to whom it is spelled; without one there is nothing to tell.
    """

    began: float
    key_id: str = ""
    operation: str = "chat"  # or "text_completion", as OpenTelemetry calls them
    resumed: bool = False
    dialect: str = ""
    request_id: str = ""
    trace_parent: str = ""  # the caller's, as W3C Trace Context has it
    span: Span | None = None  # of this stream, if it is traced
    generation_id: str = ""
    first_at: float | None = None  # its first text was given out
    cause: Code | None = None  # of an end that no event tells: a refusal of the worker's, a client that left, a bug
    outcome: str = ""
    code: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    tokens: int = 0  # given out
    sent_bytes: int = 0
    moves: int = 0
    duration_s: float = 0.0

    @property
    def first_s(self) -> float | None:
        """From its beginning to its first text."""
        return None if self.first_at is None else self.first_at - self.began

    def end(self, ending: Event | None, *, now: float) -> None:
        """It has ended with this; with None if nobody was there any more to be told, or nothing had begun."""
        self.duration_s = now - self.began
        if isinstance(ending, Finished):
            self.outcome, self.finish_reason = FINISHED, ending.outcome.finish_reason
            self.prompt_tokens = ending.outcome.usage.prompt_tokens
            return
        began = bool(self.generation_id)
        code = ending.failure.code if isinstance(ending, Failed) else self.cause or Code.CANCELLED
        self.code = str(code)
        if code is Code.CANCELLED:
            self.outcome = CANCELLED
        else:
            self.outcome = REFUSED if not began and ERRORS[code].status < BUSY else FAILED
