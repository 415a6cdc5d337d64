"""What a client sends on a WebSocket: frames of JSON, each of which asks for one thing.

`ref` is the client's own word for a generation, to tell several apart; the unnamed one needs none.

    {"type":"generate","ref":"a","prompt":"Hello"}      start; the fields are those of the native body
    {"type":"cancel","ref":"a"}                         stop
    {"type":"resume","ref":"a","lastEventId":"..."}     go on where an earlier connection broke

Whatever can not be read is an answer, too, because the socket goes on.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from edge_proxy.core.cursor import Cursor
from edge_proxy.core.cursor import parse as parse_cursor
from edge_proxy.core.errors import Failure, Refused, invalid
from edge_proxy.core.request import GenerationRequest
from edge_proxy.core.sse import LAST_EVENT_ID_CHARS
from edge_proxy.core.strict_json import loads
from edge_proxy.dialects.native_request import parse_body
from edge_proxy.dialects.validation import Text, validate

MAX_REF_CHARS = 64  # it comes back in every frame


@dataclass(frozen=True, slots=True)
class Generate:
    """Start a generation, to be called `ref`."""

    ref: str
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the generation that is called `ref`."""

    ref: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a generation after that event, and call it `ref`."""

    ref: str
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Wrong:
    """A frame that asks for nothing there is; about `ref`, as far as that could be read."""

    ref: str
    failure: Failure


Asked = Generate | Cancel | Resume | Wrong


class CancelBody(BaseModel):
    """A `cancel` frame, but what all frames have."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ResumeBody(BaseModel):
    """A `resume` frame, but what all frames have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    last_event_id: Annotated[Text, Field(alias="lastEventId", min_length=1, max_length=LAST_EVENT_ID_CHARS)]


def parse(text: str, *, resume_window_s: float) -> Asked:
    """What a text frame asks for."""
    ref = ""
    try:
        data = loads(text.encode(), what="frame")
        ref = _ref(data.pop("ref", ""))
        return _asked(data.pop("type", None), ref, data, resume_window_s)
    except Refused as refused:
        return Wrong(ref, refused.failure)


def _ref(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_REF_CHARS:
        return value
    raise invalid("ref", f"The ref is text of {MAX_REF_CHARS} characters at most.")


def _asked(kind: object, ref: str, data: dict[str, Any], resume_window_s: float) -> Asked:
    match kind:
        case "generate":
            return Generate(ref, parse_body(data, resume_window_s=resume_window_s))
        case "cancel":
            validate(CancelBody, data)
            return Cancel(ref)
        case "resume":
            return Resume(ref, parse_cursor(validate(ResumeBody, data).last_event_id))
        case _:
            raise invalid("type", "The type of a frame is generate, cancel or resume.")
