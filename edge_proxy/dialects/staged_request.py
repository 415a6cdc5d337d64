"""What a client of the staged dialect sends: a message and how it is to be answered, as a JSON body or a query."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.native_request import MAX_TOKENS, Option
from edge_proxy.dialects.validation import NonEmptyText, Text, validate


class TurnBody(BaseModel):
    """One earlier turn of a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "user", "assistant"]
    content: Text


class StagedQuery(BaseModel):
    """The query string of `GET /chat/stream`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    message: NonEmptyText = Field(description="What a user says.")
    mode: Literal["ask", "agent_single", "agent_multi"] = Field(
        "ask", description="A plain answer; code, its execution and an explanation; or planner, executor and verifier."
    )
    model: Text = Field("", description="A model's name; empty for the default one.")
    session_id: Text | None = Field(
        None, max_length=256, description="Requests of one go to one worker, if it has room."
    )
    max_rounds: int | None = Field(
        None, ge=1, le=10, description="Rounds of `agent_multi` at most; the worker has a bound of its own."
    )
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Tokens of all stages together at most.")
    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token.")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="The same seed gives the same text, if it can.")
    batch_interval_ms: float | None = Field(None, ge=0, le=1000, description="One event per so long; 0: per token.")
    timeout_s: float | None = Field(None, gt=0, le=86_400, description="The whole answer fails after so long.")
    resumable: bool | None = Field(None, description="Keep the answer for a while when the connection breaks.")
    stream: Literal[True] | None = Field(None, description="This endpoint always streams; anything else is refused.")


class StagedBody(StagedQuery):
    """The JSON body of `POST /chat/stream`."""

    history: list[TurnBody] | None = Field(None, max_length=1000, description="The conversation before the message.")
    engine_options: dict[Text, Option] | None = Field(
        None, max_length=32, description="Settings of the worker's engine, if it has any."
    )


def parse_staged(data: Mapping[str, Any], *, resume_window_s: float) -> GenerationRequest:
    """The request that a JSON body asks for.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    body = validate(StagedBody, data)
    history = tuple(Message(turn.role, turn.content) for turn in body.history or ())
    return _request(
        body,
        messages=(*history, Message("user", body.message)),
        resume_window_s=resume_window_s if body.resumable else 0.0,
        engine_options=body.engine_options or {},
    )


def parse_staged_query(data: Mapping[str, str], *, resume_window_s: float) -> GenerationRequest:
    """The request that a query string asks for: `EventSource` reconnects, so that there is to be something there.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    query = validate(StagedQuery, data, strings=True)
    window_s = 0.0 if query.resumable is False else resume_window_s
    return _request(query, messages=(Message("user", query.message),), resume_window_s=window_s)


def _request(asked: StagedQuery, **more: Any) -> GenerationRequest:
    return GenerationRequest(
        pipeline=asked.mode,
        max_rounds=asked.max_rounds or 0,
        model=asked.model,
        session=asked.session_id or "",
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        seed=asked.seed,
        timeout_s=asked.timeout_s,
        batch_interval_s=None if asked.batch_interval_ms is None else asked.batch_interval_ms / 1000,
        **more,
    )
