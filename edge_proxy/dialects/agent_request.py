"""What a client of conversations sends: agents, sessions, and what a user says; as JSON bodies and query strings."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from edge_proxy.core.errors import invalid
from edge_proxy.dialects.native_request import MAX_TOKENS, Option, Stops
from edge_proxy.dialects.validation import NonEmptyText, Text, validate

LARGEST_PAGE = 200
PAGE = 50
Name = Annotated[NonEmptyText, Field(max_length=200)]
LongText = Annotated[Text, Field(max_length=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SamplingBody(_Strict):
    """How an agent's model picks its words; what is not given is the engine's default."""

    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Tokens of a reply at most.")
    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token.")
    top_p: float | None = Field(None, gt=0, le=1, description="Sample from the likeliest tokens of this probability.")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="The same seed gives the same text, if it can.")
    stop: Stops | None = Field(None, description="A reply ends before the first of these; at most 16.")


class _AgentFields(_Strict):
    system_prompt: LongText = Field("", description="What the model is told before everything else.")
    greeting: LongText = Field("", description="What the agent says first, in every new session.")
    model: Text = Field("", max_length=256, description="A model's name; empty for the default one.")
    sampling: SamplingBody = Field(SamplingBody(), description="How its model picks its words.")
    engine_options: dict[Text, Option] = Field({}, max_length=32, description="Settings of the worker's engine.")


class AgentBody(_AgentFields):
    """The JSON body of `POST /api/agents`."""

    name: Name = Field(description="What people call it.")


class AgentChange(_AgentFields):
    """The JSON body of `PATCH /api/agents/{agent_id}`: what it does not name stays."""

    name: Name = Field("-", description="What people call it.")


class SessionBody(_Strict):
    """The JSON body of `POST /api/agents/{agent_id}/sessions`, and of `PATCH /api/sessions/{session_id}`."""

    title: Text = Field("", max_length=200, description="What it is about; empty: its first message's beginning.")
    streaming: bool = Field(True, description="Replies come as they are made; false: each in one piece.")


class ChatBody(_Strict):
    """The JSON body of a turn."""

    message: NonEmptyText = Field(description="What the user says.")
    session_id: Text | None = Field(None, max_length=64, description="The session; none or null: a new one.")
    stream: bool | None = Field(None, description="Answer with a stream; if not given, as the address says.")
    resumable: bool = Field(False, description="Keep the reply going for a while when the connection breaks.")


class PageQuery(_Strict):
    """The query string of a list."""

    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE, description="So many at most.")
    before: int = Field(0, ge=0, le=2**53, description="From where the page before ended: its `next`.")


class MessagesQuery(_Strict):
    """The query string of a session's messages."""

    limit: int = Field(LARGEST_PAGE, ge=1, le=LARGEST_PAGE, description="So many at most.")
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="From where the page before ended: its `next`.")


class Page(NamedTuple):
    """Which part of a list."""

    before: int
    limit: int


def parse_agent(data: Mapping[str, Any]) -> dict[str, Any]:
    """A new agent's fields.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    return _fields(validate(AgentBody, data), set(AgentBody.model_fields))


def parse_change(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an agent that are to change.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    body = validate(AgentChange, data)
    return _fields(body, body.model_fields_set)


def parse_session(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a session that are given.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    body = validate(SessionBody, data)
    return {name: getattr(body, name) for name in body.model_fields_set}


def parse_turn(data: Mapping[str, Any]) -> ChatBody:
    """A turn.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    return validate(ChatBody, data)


def parse_page(data: Mapping[str, str]) -> Page:
    """Which part of a list is asked for.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    query = validate(PageQuery, data, strings=True)
    return Page(query.before, query.limit)


def parse_messages_page(data: Mapping[str, str]) -> MessagesQuery:
    """Which of a session's messages are asked for.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    return validate(MessagesQuery, data, strings=True)


def _fields(body: _AgentFields, names: set[str]) -> dict[str, Any]:
    for number, text in enumerate(body.sampling.stop or ()):
        if not 1 <= len(text) <= 256 or number >= 16:
            raise invalid("sampling.stop", "At most 16 stop strings of 1 to 256 characters can be given.")
    fields = {name: getattr(body, name) for name in names}
    if "sampling" in fields:
        fields["sampling"] = body.sampling.model_dump(exclude_none=True)
    return fields
