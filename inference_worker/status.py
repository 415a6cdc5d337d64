"""How a generation fails or a request is refused: one code, one sentence, perhaps the field that is wrong.

The codes are those of google.rpc.Code, so that the gRPC shell can pass them on as they are; nothing here knows gRPC.
"""

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """The codes of google.rpc.Code that the worker uses."""

    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    INTERNAL = 13
    UNAVAILABLE = 14


@dataclass(frozen=True, slots=True)
class Failed:
    """The ending of a generation that did not finish."""

    code: Code
    message: str
    field: str = ""


class Refused(Exception):
    """A request that is not carried out; nothing has happened."""

    def __init__(self, code: Code, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.failed = Failed(code, message, field)


class EngineError(Exception):
    """The engine could not go on; the message is for the log and for callers that are trusted with it."""

    @property
    def failed(self) -> Failed:
        """The ending that it is."""
        return Failed(Code.INTERNAL, str(self))


def invalid(field: str, message: str) -> Refused:
    """The refusal of a request whose `field` is wrong."""
    return Refused(Code.INVALID_ARGUMENT, message, field=field)
