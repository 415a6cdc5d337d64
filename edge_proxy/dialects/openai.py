"""The OpenAI dialect: chunks of a chat completion, or of a completion, then `[DONE]`.

    data: {"id":"chatcmpl-w1-5c0f...","object":"chat.completion.chunk","created":1790000000,"model":"tiny",
           "choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}

One stream can have several choices, each with an encoder of its own; what ends the stream is written once, after the
last of them. There are no ids: OpenAI's SDKs take a comment behind one for an event of no JSON. A failure is an `error`
event in OpenAI's own shape, with no `[DONE]` behind it: only that makes the SDKs raise.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Ping, ToolCall, Usage

HEADERS = sse.HEADERS
DONE = b"data: [DONE]\n\n"
REASONING = "reasoning_content"  # not OpenAI's own: what servers of open models call it, and clients look for
PING = sse.comment("ping")

# OpenAI's `type` for a status that is not in here is "server_error" from 500 on, else "invalid_request_error".
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {
    Code.NOT_FOUND: "model_not_found",
    Code.OVERLOADED: "rate_limit_exceeded",
    Code.RATE_LIMITED: "rate_limit_exceeded",
    Code.QUOTA_EXCEEDED: "insufficient_quota",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How one of the two endpoints spells an answer."""

    id_prefix: str
    streamed: str  # the `object` of a chunk
    whole: str  # and of an answer in one piece
    chat: bool

    def choice(self, text: str) -> str:
        """A piece of the answer within a chunk's choice, as JSON without the braces around it."""
        return f'"delta":{{"content":{sse.quote(text)}}}' if self.chat else f'"text":{sse.quote(text)}'

    @property
    def nothing(self) -> str:
        """A choice's piece with no text, for its end."""
        return '"delta":{}' if self.chat else '"text":""'


CHAT = Shape("chatcmpl-", "chat.completion.chunk", "chat.completion", chat=True)
COMPLETION = Shape("cmpl-", "text_completion", "text_completion", chat=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What all chunks of one stream have in common: the dialect of one request."""

    shape: Shape
    model: str
    created_s: int
    include_usage: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = HEADERS

    @property
    def name(self) -> str:
        """For logs and metrics."""
        return "openai_chat" if self.shape.chat else "openai_completion"

    def encoder(self, generation_id: str, index: int = 0, before: str = "") -> "ChoiceEncoder":
        """See `Dialect`."""
        return ChoiceEncoder(self, generation_id, index)

    def chunk(self, generation_id: str, choices: str, usage: str = "null") -> bytes:
        """One chunk. `choices` and `usage` are JSON."""
        tail = f',"usage":{usage}' if self.include_usage else ""
        return f"{self.head(generation_id)}[{choices}]{tail}}}\n\n".encode("ascii")

    def head(self, generation_id: str) -> str:
        """A chunk up to its choices."""
        return (
            f'data: {{"id":"{self.shape.id_prefix}{generation_id}","object":"{self.shape.streamed}",'
            f'"created":{self.created_s},"model":{sse.quote(self.model)},"choices":'
        )

    def end(self, generation_id: str, usages: Sequence[Usage]) -> bytes:
        """See `Dialect`."""
        usage = self.chunk(generation_id, "", _json(total(usages))) if self.include_usage else b""
        return usage + DONE

    def whole(self, generation_id: str, answers: Sequence[tuple[Sequence[Delta], Finished]]) -> bytes:
        """See `WholeDialect`."""
        choices = [self._choice(index, deltas, end) for index, (deltas, end) in enumerate(answers)]
        body = {
            "id": f"{self.shape.id_prefix}{generation_id}",
            "object": self.shape.whole,
            "created": self.created_s,
            "model": self.model,
            "choices": choices,
            "usage": total([end.outcome.usage for _, end in answers]),
        }
        return _json(body).encode("ascii")

    def refusal(self, failure: Failure, *, request_id: str) -> tuple[str, bytes]:
        """See `Dialect`."""
        return refusal(failure)

    def _choice(self, index: int, deltas: Sequence[Delta], end: Finished) -> dict[str, object]:
        said = {"message": message(deltas, end)} if self.shape.chat else {"text": answer(deltas, end)}
        return {"index": index, **said, "logprobs": None, "finish_reason": end.outcome.finish_reason}


class ChoiceEncoder:
    """Spells one choice."""

    __slots__ = ("_answer", "_before", "_behind", "_calls", "_generation_id", "_index")

    def __init__(self, answer: Answer, generation_id: str, index: int) -> None:
        self._answer = answer
        self._generation_id = generation_id
        self._index = index
        self._calls: set[int] = set()  # that have been named: later fragments only go on with them
        usage = ',"usage":null' if answer.include_usage else ""
        self._before = f'{answer.head(generation_id)}[{{"index":{index},'
        self._behind = f',"logprobs":null,"finish_reason":null}}]{usage}}}\n\n'

    def begin(self) -> bytes:
        """The role, before any text: a chat's first chunk. A completion has none, and begins with a comment."""
        if not self._answer.shape.chat:
            return PING
        return self._piece('"delta":{"role":"assistant","content":""}')

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One chunk, a comment, or an error."""
        if type(event) is Delta and event.label.channel is Channel.ANSWER:  # made most, and `match` is slow to find it
            return self._piece(self._answer.shape.choice(event.text))
        match event:
            case Delta():
                other = self._other(event) if self._answer.shape.chat else ""
                return self._piece(other) if other else b""
            case Ping():
                return PING
            case Finished():
                rest = self._piece(self._answer.shape.choice(event.text)) if event.text else b""
                return rest + self._finish(event.outcome.finish_reason)
            case Failed():
                return sse.event("error", _json(error(event.failure)))
            case _:
                assert_never(event)

    def _piece(self, piece: str) -> bytes:
        return f"{self._before}{piece}{self._behind}".encode("ascii")

    def _other(self, delta: Delta) -> str:
        """What is not the answer, as JSON without the braces around it; "" for what OpenAI's API has no place for."""
        call = delta.label.tool_call
        if call:
            first = call.index not in self._calls
            self._calls.add(call.index)
            return f'"delta":{_json({"tool_calls": [fragment(call, delta.text, first=first)]})}'
        if delta.label.channel is Channel.REASONING:
            return f'"delta":{{"{REASONING}":{sse.quote(delta.text)}}}'
        return ""

    def _finish(self, reason: str) -> bytes:
        nothing = self._answer.shape.nothing
        choice = f'{{"index":{self._index},{nothing},"logprobs":null,"finish_reason":{sse.quote(reason)}}}'
        return self._answer.chunk(self._generation_id, choice)


def fragment(call: ToolCall, arguments: str, *, first: bool) -> dict[str, object]:
    """A piece of a tool call; id, type and name are said once, because SDKs join what they get."""
    if first:
        function = {"name": call.name, "arguments": arguments}
        return {"index": call.index, "id": call.id, "type": "function", "function": function}
    return {"index": call.index, "function": {"arguments": arguments}}


def answer(deltas: Sequence[Delta], end: Finished) -> str:
    """The text of an answer in pieces."""
    return "".join([delta.text for delta in deltas if delta.label.channel is Channel.ANSWER]) + end.text


def message(deltas: Sequence[Delta], end: Finished) -> dict[str, object]:
    """A chat's answer in one piece: its text, what was thought before it, and the calls that it makes."""
    said: dict[str, object] = {"role": "assistant", "content": answer(deltas, end)}
    thought = "".join([delta.text for delta in deltas if delta.label.channel is Channel.REASONING])
    if thought:
        said[REASONING] = thought
    calls: dict[int, tuple[ToolCall, str]] = {}
    for delta in deltas:
        if call := delta.label.tool_call:
            _, before = calls.get(call.index, (call, ""))
            calls[call.index] = (call, before + delta.text)
    if calls:
        said["content"] = said["content"] or None
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
            for _, (call, arguments) in sorted(calls.items())
        ]
    return said


def total(usages: Sequence[Usage]) -> dict[str, int]:
    """Usage as OpenAI counts it: the prompt once, the text of all choices."""
    prompt = max((usage.prompt_tokens for usage in usages), default=0)
    completion = sum(usage.completion_tokens for usage in usages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def refusal(failure: Failure) -> tuple[str, bytes]:
    """The media type and body of a response that says why there is no answer."""
    return "application/json", _json(error(failure)).encode("ascii")


def error(failure: Failure) -> dict[str, object]:
    """A failure in OpenAI's shape, the same before a stream and within it."""
    other = "server_error" if failure.status >= 500 else "invalid_request_error"
    named = failure.code is not Code.NOT_FOUND or failure.wrong_field == "model"
    code = CODES.get(failure.code) if named else None
    return {
        "error": {
            "message": failure.message,
            "type": TYPES.get(failure.status, other),
            "param": failure.wrong_field or None,
            "code": code or failure.code.lower(),
        }
    }


_json = json.JSONEncoder(separators=(",", ":")).encode
