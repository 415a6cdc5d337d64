"""The ask dialect: unnamed events that say their type, and the whole answer at the end.

    id: w1-5c0f...e2.42
    data: {"type":"delta","content":"Hello"}

    data: {"type":"end","answer":"Hello there!","finishReason":"stop","usage":{...}}

A failure is an event of type `error`, last. What is not the answer has types of its own: `reasoning`, `progress` and
`tool_call`; the whole answer has none of it. For front ends that switch on one field and keep no text themselves.
"""

import json
from collections.abc import Sequence
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects import native

name = "ask"
headers: tuple[tuple[bytes, bytes], ...] = sse.HEADERS
refusal = native.refusal


class AskEncoder:
    """Spells one stream, and keeps its text for the end."""

    __slots__ = ("_generation_id", "_texts")

    def __init__(self, generation_id: str, before: str) -> None:
        self._generation_id = generation_id
        self._texts = [before]

    def begin(self) -> bytes:
        """A comment, which every SSE reader skips."""
        return sse.comment("stream opened")

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One event, or a comment."""
        match event:
            case Delta(text, next_index, label) if label.channel is Channel.ANSWER:
                return self._delta(text, next_index)
            case Delta():
                return self._event(event.next_index, _other(event))
            case Ping():
                return sse.comment("ping")
            case Finished():
                rest = self._delta(event.text, event.next_index) if event.text else b""
                answer = sse.quote("".join(self._texts))
                return rest + self._event(event.cursor, f'{{"type":"end","answer":{answer},{_outcome(event)}')
            case Failed():
                return self._event(event.cursor, _json({"type": "error"} | native.failed(event)))
            case _:
                assert_never(event)

    def _delta(self, text: str, next_index: int) -> bytes:
        self._texts.append(text)
        return self._event(next_index, f'{{"type":"delta","content":{sse.quote(text)}}}')

    def _event(self, next_index: int, data: str) -> bytes:
        return f"id: {self._generation_id}.{next_index}\ndata: {data}\n\n".encode("ascii")


def encoder(generation_id: str, index: int = 0, before: str = "") -> AskEncoder:
    """An encoder for one stream, which has one answer."""
    return AskEncoder(generation_id, before)


def end(generation_id: str, usages: Sequence[Usage]) -> bytes:
    """Nothing: the last event is the end."""
    return b""


def _other(event: Delta) -> str:
    """What is not the answer."""
    call = event.label.tool_call
    if call:
        named = {"index": call.index, "id": call.id, "name": call.name, "arguments": event.text}
        return _json({"type": "tool_call", **named})
    return _json({"type": event.label.channel, "content": event.text})


def _outcome(event: Finished) -> str:
    usage = event.outcome.usage
    counted = {"promptTokens": usage.prompt_tokens, "completionTokens": usage.completion_tokens}
    return _json({"finishReason": event.outcome.finish_reason, "usage": counted})[1:]


_json = json.JSONEncoder(separators=(",", ":")).encode
