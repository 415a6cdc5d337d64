"""What a client of the OpenAI dialect sends. What it does not know it ignores, as OpenAI's service does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from edge_proxy.core.errors import Code, Failure, Refused, invalid
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.openai import CHAT, COMPLETION, Shape
from edge_proxy.dialects.validation import NonEmptyText, Text, validate

MAX_TOKENS = 1_000_000
MAX_CHOICES = 8
EXTRAS: dict[str, object] = {  # what is passed on as it is, and the value that says no more than its absence
    "tools": [],
    "tool_choice": None,
    "parallel_tool_calls": True,
    "response_format": {"type": "text"},
    "reasoning_effort": None,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _joined(value: object) -> object:
    """A message's content: text, or parts of which all are text."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return value
    texts = []
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ValueError("content is text, or a list of parts of type text")
        texts.append(part["text"])
    return "".join(texts)


Stops = Annotated[list[Text], BeforeValidator(_listed), WithJsonSchema({"type": ["string", "array", "null"]})]
Content = Annotated[Text, BeforeValidator(_joined), WithJsonSchema({"type": ["string", "array", "null"]})]


class MessageBody(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = ""
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: Text | None = None
    name: Text | None = None


class StreamOptions(BaseModel):
    """How a stream is to be."""

    model_config = ConfigDict(extra="ignore", strict=True)

    include_usage: bool | None = None


class SamplingBody(BaseModel):
    """What the two endpoints have in common."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    model: NonEmptyText
    stream: bool | None = Field(None, description="Chunks as they come, or the answer in one piece.")
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=MAX_CHOICES, description="Answers to the same prompt.")
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: Stops | None = Field(None, description="Up to 16 of 1 to 256 characters.")
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    prompt_cache_key: Text | None = Field(None, max_length=1024, description="Requests of one go to one worker.")


class ChatBody(SamplingBody):
    """The JSON body of `POST /v1/chat/completions`."""

    messages: list[MessageBody] = Field(min_length=1, max_length=1000)
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: bool | None = Field(None, description="Refused when true: no engine gives them.")
    tools: list[dict[str, Any]] | None = Field(None, max_length=128, description="Refused by engines without tools.")
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Text | None = None


class CompletionBody(SamplingBody):
    """The JSON body of `POST /v1/completions`."""

    prompt: NonEmptyText
    echo: bool | None = Field(None, description="Refused when true.")
    logprobs: int | None = Field(None, description="Refused: no engine gives them.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks for."""

    shape: Shape
    model: str
    stream: bool
    include_usage: bool
    choices: tuple[GenerationRequest, ...]  # one of each choice: the same but for the seed


def parse_chat(data: Mapping[str, Any]) -> Asked:
    """What a chat completion's body asks for.

    Raises:
        Refused: INVALID_REQUEST or NOT_SUPPORTED, naming the field.
    """
    body = validate(ChatBody, data)
    if body.logprobs:
        raise _not_supported("logprobs")
    roles = ["system" if message.role == "developer" else message.role for message in body.messages]
    messages = tuple(_message(role, turn) for role, turn in zip(roles, body.messages, strict=True))
    most = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    return _asked(CHAT, body, max_tokens=most, messages=messages)


def parse_completion(data: Mapping[str, Any]) -> Asked:
    """What a completion's body asks for.

    Raises:
        Refused: INVALID_REQUEST or NOT_SUPPORTED, naming the field.
    """
    body = validate(CompletionBody, data)
    if body.logprobs is not None:
        raise _not_supported("logprobs")
    if body.echo:
        raise _not_supported("echo")
    return _asked(COMPLETION, body, max_tokens=body.max_tokens, prompt=body.prompt, raw_prompt=True)


def _message(role: str, turn: MessageBody) -> Message:
    calls = json.dumps(turn.tool_calls) if turn.tool_calls else ""
    return Message(role, turn.content, calls, turn.tool_call_id or "", turn.name or "")


def _extras(body: SamplingBody) -> dict[str, str]:
    """The extras that say something: an engine that can not honour one has to refuse it."""
    given = {name: getattr(body, name, None) for name in EXTRAS}
    if not given["tools"]:
        given["tool_choice"] = given["parallel_tool_calls"] = None
    return {name: json.dumps(value) for name, value in given.items() if value not in (None, EXTRAS[name])}


def _asked(shape: Shape, body: SamplingBody, **fields: Any) -> Asked:
    for number, stop in enumerate(body.stop or []):
        if not 1 <= len(stop) <= 256 or number >= 16:
            raise invalid("stop", "At most 16 stop strings of 1 to 256 characters can be given.")
    seed = None if body.seed is None else body.seed % 2**32
    extras = _extras(body)
    choices = tuple(
        GenerationRequest(
            model=body.model,
            temperature=body.temperature,
            top_p=body.top_p,
            seed=None if seed is None else (seed + index) % 2**32,  # answers to the same prompt are to differ
            stop=tuple(body.stop or ()),
            extras=extras,
            session=body.prompt_cache_key or "",
            **fields,
        )
        for index in range(body.n or 1)
    )
    usage = bool(body.stream_options and body.stream_options.include_usage)
    return Asked(shape, body.model, bool(body.stream), usage, choices)


def _not_supported(name: str) -> Refused:
    return Refused(Failure(Code.INVALID_REQUEST, f"{name} can not be given here.", name))
