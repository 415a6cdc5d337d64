"""What a client of the native dialect sends, as a JSON body or as a query string."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from edge_proxy.core.errors import invalid
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.validation import NonEmptyText, Text, validate

MAX_TOKENS = 1_000_000
MAX_STOPS = 16
MAX_STOP_CHARS = 256


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _option(value: object) -> str:
    """An engine's option as the worker takes it: text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return str(value)
    raise ValueError("the value is text, a number, true or false")


# Not unions: of those pydantic names the member beside the field.
STOP = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARS}
STOPS = {"items": STOP, "minLength": 1, "maxLength": MAX_STOP_CHARS, "maxItems": MAX_STOPS}
Stops = Annotated[list[Text], BeforeValidator(_listed), WithJsonSchema(STOPS | {"type": ["string", "array"]})]
Option = Annotated[Text, BeforeValidator(_option), WithJsonSchema({"type": ["string", "number", "boolean"]})]


class MessageBody(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: Text


class SamplingBody(BaseModel):
    """What body and query string have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Text = Field("", description="A model's name; empty for the default one.")
    prompt: NonEmptyText | None = Field(None, description="What a user says. Either this or `messages`.")
    raw_prompt: bool | None = Field(None, description="The prompt is text to go on from, outside any chat template.")
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Tokens to generate at most.")
    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token.")
    top_p: float | None = Field(None, gt=0, le=1, description="Sample from the likeliest tokens of this probability.")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="The same seed gives the same text, if it can.")
    min_chunk_chars: int | None = Field(None, ge=0, le=4096, description="The worker emits at least so much at once.")
    timeout_s: float | None = Field(None, gt=0, le=86_400, description="The generation fails after so long.")
    first_token_timeout_s: float | None = Field(
        None, gt=0, le=86_400, description="It fails when it has said nothing for so long."
    )
    gap_timeout_s: float | None = Field(
        None, gt=0, le=86_400, description="It fails when it has fallen silent for so long."
    )
    batch_interval_ms: float | None = Field(None, ge=0, le=1000, description="One event per so long; 0: per token.")
    session: Text | None = Field(None, max_length=256, description="Requests of one go to one worker, if it has room.")
    resumable: bool | None = Field(None, description="Keep the generation for a while when the connection breaks.")
    stream: Literal[True] | None = Field(None, description="This endpoint always streams; anything else is refused.")


class GenerateBody(SamplingBody):
    """The JSON body of `POST /api/v1/ai/generate`."""

    messages: list[MessageBody] | None = Field(None, min_length=1, max_length=1000, description="A conversation.")
    stop: Stops | None = Field(None, description="The text ends before the first of these; at most 16.")
    engine_options: dict[Text, Option] | None = Field(
        None, max_length=32, description="Settings of the worker's engine, if it has any."
    )


class GenerateQuery(SamplingBody):
    """The query string of `GET /api/v1/ai/generate`."""

    stop: Annotated[Text, WithJsonSchema(STOP)] | None = Field(None, description="The text ends before it.")


def parse_body(data: Mapping[str, Any], *, resume_window_s: float) -> GenerationRequest:
    """The request that a JSON body asks for.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    body = validate(GenerateBody, data)
    messages = tuple(Message(m.role, m.content) for m in body.messages or ())
    return _request(body, body.stop or [], resume_window_s, messages=messages, engine_options=body.engine_options or {})


def parse_query(data: Mapping[str, str], *, resume_window_s: float) -> GenerationRequest:
    """The request that a query string asks for.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    query = validate(GenerateQuery, data, strings=True)
    request = _request(query, [] if query.stop is None else [query.stop], resume_window_s)
    # `EventSource` reconnects by itself: unless told otherwise, there is to be something to come back to.
    return request if query.resumable is False else replace(request, resume_window_s=resume_window_s)


def _request(body: SamplingBody, stop: list[str], resume_window_s: float, **more: Any) -> GenerationRequest:
    if not body.prompt and not more.get("messages"):
        raise invalid("prompt", "Give a prompt or messages.")
    if body.prompt and more.get("messages"):
        raise invalid("prompt", "Give either a prompt or messages, not both.")
    for number, text in enumerate(stop):
        if not 1 <= len(text) <= MAX_STOP_CHARS or number >= MAX_STOPS:
            raise invalid("stop", f"At most {MAX_STOPS} stop strings of 1 to {MAX_STOP_CHARS} characters can be given.")
    return GenerationRequest(
        model=body.model,
        prompt=body.prompt or "",
        raw_prompt=body.raw_prompt or False,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        seed=body.seed,
        stop=tuple(stop),
        min_chunk_chars=body.min_chunk_chars or 0,
        timeout_s=body.timeout_s,
        first_token_timeout_s=body.first_token_timeout_s,
        gap_timeout_s=body.gap_timeout_s,
        batch_interval_s=None if body.batch_interval_ms is None else body.batch_interval_ms / 1000,
        session=body.session or "",
        resume_window_s=resume_window_s if body.resumable else 0.0,
        **more,
    )
