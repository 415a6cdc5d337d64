"""The ask dialect: unnamed events that say their type, and the whole answer at the end.

    id: w1-5c0f...e2.42
    data: {"type":"delta","content":"Hello"}

    data: {"type":"end","answer":"Hello there!","finishReason":"stop","usage":{...}}

A failure is an event of type `error`, last. For front ends that switch on one field and keep no text themselves.
"""

import json
from collections.abc import Sequence
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.events import Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects import native

headers: tuple[tuple[bytes, bytes], ...] = sse.HEADERS
# Comments have one line end: of a blank line behind an id, httpx-sse and fetch-event-source make an event without data.
OPENED = b": stream opened\n"
PING = b": ping\n"
refusal = native.refusal


class AskEncoder:
    """Spells one stream, and keeps its text for the end."""

    __slots__ = ("_generation_id", "_texts")

    def __init__(self, generation_id: str) -> None:
        self._generation_id = generation_id
        self._texts: list[str] = []

    def begin(self) -> bytes:
        """A comment, which every SSE reader skips."""
        return OPENED

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One event, or a comment."""
        match event:
            case Delta(text, next_index):
                self._texts.append(text)
                return self._event(next_index, f'{{"type":"delta","content":{sse.quote(text)}}}')
            case Ping():
                return PING
            case Finished():
                self._texts.append(event.text)
                return self._event(event.next_index, f'{{"type":"end","answer":{self._answer()},{_outcome(event)}')
            case Failed():
                return self._event(event.next_index, f'{{"type":"error",{native.error(event)[1:]}')
            case _:
                assert_never(event)

    def _answer(self) -> str:
        return sse.quote("".join(self._texts))

    def _event(self, next_index: int, data: str) -> bytes:
        return f"id: {self._generation_id}.{next_index}\ndata: {data}\n\n".encode("ascii")


def encoder(generation_id: str, index: int = 0) -> AskEncoder:
    """An encoder for one stream, which has one answer."""
    return AskEncoder(generation_id)


def end(generation_id: str, usages: Sequence[Usage]) -> bytes:
    """Nothing: the last event is the end."""
    return b""


def _outcome(event: Finished) -> str:
    usage = event.outcome.usage
    counted = {"promptTokens": usage.prompt_tokens, "completionTokens": usage.completion_tokens}
    return json.dumps({"finishReason": event.outcome.finish_reason, "usage": counted}, separators=(",", ":"))[1:]
