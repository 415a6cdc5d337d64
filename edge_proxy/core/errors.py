"""Every way a stream can fail or be refused, in one table.

A failure is a value: a code, a sentence for a person, perhaps the field that is wrong. Before the stream it becomes an
HTTP status with the code in the body; within it, an `error` event with the same code.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from edge_proxy.core.quota import Left


class Code(StrEnum):
    """What clients can tell failures apart by."""

    ENDED = "ENDED"
    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    CONFLICT = "CONFLICT"
    RESUME_EXPIRED = "RESUME_EXPIRED"
    TOO_LARGE = "TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    OVERLOADED = "OVERLOADED"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    CANCELLED = "CANCELLED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    GENERATION_ERROR = "GENERATION_ERROR"
    BAD_UPSTREAM = "BAD_UPSTREAM"
    SERVER_BUSY = "SERVER_BUSY"
    WORKER_UNAVAILABLE = "WORKER_UNAVAILABLE"
    WORKER_LOST = "WORKER_LOST"
    SERVER_DRAINING = "SERVER_DRAINING"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    NOT_STORED = "NOT_STORED"
    TIMEOUT = "TIMEOUT"


class Row(NamedTuple):
    """What a code means on the wire."""

    status: int  # HTTP, when nothing has been sent yet
    retryable: bool  # the same request may well succeed soon
    message: str  # for a person, where nothing more exact is known


ERRORS: dict[Code, Row] = {
    Code.ENDED: Row(204, False, "All of the generation has been read."),
    Code.INVALID_REQUEST: Row(400, False, "The request is not valid."),
    Code.UNAUTHENTICATED: Row(401, False, "A valid API key is needed."),
    Code.PERMISSION_DENIED: Row(403, False, "This key may not do that."),
    Code.NOT_FOUND: Row(404, False, "There is nothing of that name."),
    Code.METHOD_NOT_ALLOWED: Row(405, False, "That method is not for this address."),
    Code.CONFLICT: Row(409, True, "Something else is changing this."),
    Code.RESUME_EXPIRED: Row(410, False, "The generation is no longer held."),
    Code.TOO_LARGE: Row(413, False, "The request is too large."),
    Code.UNSUPPORTED_MEDIA_TYPE: Row(415, False, "The body must be application/json."),
    Code.OVERLOADED: Row(429, True, "Too many generations run at the moment."),
    Code.RATE_LIMITED: Row(429, True, "This is more than may be asked for within a minute, or at once."),
    Code.QUOTA_EXCEEDED: Row(429, False, "The tokens of a day are used up."),
    Code.CANCELLED: Row(499, False, "The generation was stopped."),
    Code.INTERNAL_ERROR: Row(500, False, "Something went wrong here."),
    Code.NOT_SUPPORTED: Row(501, False, "That can not be done here."),
    Code.GENERATION_ERROR: Row(502, True, "The model failed."),
    Code.BAD_UPSTREAM: Row(502, True, "The worker's answer made no sense."),
    Code.SERVER_BUSY: Row(503, True, "The server has more to do than it can at the moment."),
    Code.WORKER_UNAVAILABLE: Row(503, True, "No worker is available at the moment."),
    Code.WORKER_LOST: Row(503, True, "The worker went away."),
    Code.SERVER_DRAINING: Row(503, True, "The server is shutting down."),
    Code.DATABASE_UNAVAILABLE: Row(503, True, "The database can not be reached at the moment."),
    Code.NOT_STORED: Row(503, True, "The reply could not be stored."),
    Code.TIMEOUT: Row(504, True, "The generation took too long."),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. Without a message of its own it has its code's.

    `final`: the generation itself has ended by it, as its worker says; else this edge has given up on it, and it may be
    had again. `standing` is what its caller has left of its limits, where they are what refused it.
    """

    code: Code
    message: str = field(default="")
    wrong_field: str = ""
    final: bool = field(default=False, compare=False)
    standing: tuple[Left, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.message:
            object.__setattr__(self, "message", ERRORS[self.code].message)

    @property
    def status(self) -> int:
        """The HTTP status, when nothing has been sent yet."""
        return ERRORS[self.code].status

    @property
    def retryable(self) -> bool:
        """Whether the same request may well succeed soon."""
        return ERRORS[self.code].retryable


class Refused(Exception):
    """A request that is not carried out; nothing has happened."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def invalid(wrong_field: str, message: str) -> Refused:
    """The refusal of a request whose `wrong_field` is wrong."""
    return Refused(Failure(Code.INVALID_REQUEST, message, wrong_field))
