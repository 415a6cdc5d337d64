"""The native dialect: `message`, `ping` and `error` events whose data is JSON.

    event: message
    id: w1-5c0f...e2.42
    data: {"delta":"Hello","isFinal":false}

An event's id is `<generation id>.<next index>`: where in the generation's log its text ends, so that any edge can go on
from there. The generation's ending counts as an entry of the log, so its id is one more. `isFinal` is true exactly
once, on the last event of a success; `error` is the last event of a failure. What is not the answer has a member of its
own and an empty `delta`: who adds up deltas gets the answer and no more.
Refusals before the stream are problem details (RFC 9457).
"""

import json
from collections.abc import Sequence
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.errors import Failure
from edge_proxy.core.events import ANSWER, Channel, Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects.rate_limit import retry_after_s

quote = sse.quote
name = "native"
headers: tuple[tuple[bytes, bytes], ...] = sse.HEADERS


class NativeEncoder:
    """Spells one stream."""

    __slots__ = ("_generation_id", "_message")

    def __init__(self, generation_id: str) -> None:
        self._generation_id = generation_id
        self._message = sse.head("message", generation_id)

    def begin(self) -> bytes:
        """A comment, which every SSE reader skips."""
        return sse.comment("stream opened")

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One SSE event."""
        if type(event) is Delta and event[2] is ANSWER:  # its label: of all events, this one is made most
            message = f'{self._message}.{event[1]}\ndata: {{"delta":{quote(event[0])},"isFinal":false}}\n\n'
            return message.encode("ascii")  # as sse.event would write it
        match event:
            case Delta():
                return sse.event("message", delta(event), f"{self._generation_id}.{event.next_index}")
            case Ping():
                return sse.event("ping", ping(unix_s))
            case Finished():
                return sse.event("message", final(event), f"{self._generation_id}.{event.cursor}")
            case Failed():
                return sse.event("error", error(event), f"{self._generation_id}.{event.cursor}")
            case _:
                assert_never(event)


def encoder(generation_id: str, index: int = 0, before: str = "") -> NativeEncoder:
    """An encoder for one stream, which has one answer."""
    return NativeEncoder(generation_id)


def end(generation_id: str, usages: Sequence[Usage]) -> bytes:
    """Nothing: the last message is the end."""
    return b""


def refusal(failure: Failure, *, request_id: str) -> tuple[str, bytes]:
    """Problem details: RFC 9457, section 3; `code`, `field`, `retryable` and `requestId` are our extensions."""
    problem = {
        "type": "about:blank",
        "title": failure.code.replace("_", " ").capitalize(),
        "status": failure.status,
        "detail": failure.message,
        "code": failure.code,
        "retryable": failure.retryable,
        "requestId": request_id,
    }
    if failure.wrong_field:
        problem["field"] = failure.wrong_field
    return "application/problem+json", json.dumps(problem).encode("ascii")


def delta(event: Delta) -> str:
    """The data of a message within the stream, as JSON."""
    channel, stage = event.label.channel, event.label.stage
    answer = event.text if channel is Channel.ANSWER else ""
    return _json({"delta": answer, "isFinal": False} | ({"stage": stage} if stage else {}) | other(event))


def other(event: Delta) -> dict[str, object]:
    """What a delta says besides the answer, by name."""
    match event.label.channel:
        case Channel.REASONING | Channel.PROGRESS | Channel.RESULT | Channel.MEDIA:
            return {event.label.channel: event.text}
        case Channel.TOOL_CALL if event.label.tool_call:
            call = event.label.tool_call
            return {"toolCall": {"index": call.index, "id": call.id, "name": call.name, "arguments": event.text}}
        case _:
            return {}


def ping(unix_s: float) -> str:
    """The data of a sign of life."""
    return f'{{"timestamp":{int(unix_s)}}}'


def final(event: Finished) -> str:
    """The data of the last message."""
    usage = event.outcome.usage
    return _json(
        {
            "delta": event.text,
            "isFinal": True,
            "finishReason": event.outcome.finish_reason,
            "usage": {"promptTokens": usage.prompt_tokens, "completionTokens": usage.completion_tokens},
        }
    )


def error(event: Failed) -> str:
    """The data of a failure, as JSON."""
    return _json(failed(event))


def failed(event: Failed) -> dict[str, object]:
    """The data of a failure."""
    failure = event.failure
    details: dict[str, object] = {"retryable": failure.retryable, "partialTokens": event.next_index}
    if failure.standing:  # on a socket, where there is no head to say it in
        details["retryAfterS"] = retry_after_s(failure.standing)
    return {"error": failure.message, "code": failure.code, "details": details}


_json = json.JSONEncoder(separators=(",", ":")).encode
