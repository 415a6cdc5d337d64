"""What a client learns from a whole stream, read strictly, in words that all dialects share.

Each reader checks what its dialect promises, by the checks of `tests.support.sse`, and shares no code with the product.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.sse import (
    Event,
    Reader,
    check_ask,
    check_lines,
    check_native,
    check_openai,
    check_staged,
    check_turn,
)

Pieces = Iterable[bytes]


@dataclass
class Heard:
    """One stream. None: the dialect does not say that.

    Attributes:
        texts: Of each answer, the text in the pieces that it came in, without those that have none.
        indices: Where in the log each text ended, and the end.
        reasons: Of each answer, why it ended; none after a failure.
        usage: Tokens of the prompt, and of all answers.
        failure: The sentence, and the code.
        thought: All reasoning, of all answers in their order.
        called: All arguments of calls, likewise.
    """

    texts: list[list[str]]
    indices: list[int] | None = None
    pings: int | None = None
    reasons: list[str] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    failure: tuple[str, str | None] | None = None
    thought: str | None = None
    called: str | None = None


Hear = Callable[[Pieces], Heard]


def events_of(pieces: Pieces) -> list[Event]:
    """The events of a whole stream that comes in these pieces."""
    reader = Reader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    reader.close()
    return events


def hear_native(pieces: Pieces) -> Heard:
    """The native dialect."""
    events = events_of(pieces)
    check_native(events)
    return _hear_native([(event.name, event.id, event.json) for event in events])


def hear_lines(pieces: Pieces) -> Heard:
    """The native dialect in lines, each read when its end has come."""
    lines, rest = [], b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        lines += whole
    assert not rest, "the last line is cut"
    check_lines(b"".join(line + b"\n" for line in lines))
    said = [json.loads(line) for line in lines[1:]]
    return _hear_native([(line["type"], line.get("id", ""), line) for line in said])


def hear_ask(pieces: Pieces) -> Heard:
    """The ask dialect; pings are comments."""
    events = events_of(pieces)
    check_ask(events)
    said = [event.json for event in events]
    heard = Heard([_typed(said, "delta")], [_index(event.id) for event in events])
    heard.thought = "".join(_typed(said, "reasoning"))
    heard.called = "".join(item["arguments"] for item in said if item["type"] == "tool_call")
    _hear_end(heard, said[-1])
    return heard


def hear_staged(pieces: Pieces) -> Heard:
    """The staged dialect; pings are comments, and there is no word for a call."""
    events = events_of(pieces)
    check_staged(events)
    said = [event.json for event in events]
    heard = Heard([_typed(said, "content")], thought="".join(_typed(said, "thinking")))
    _hear_end(heard, said[-1] if said[-1]["type"] == "error" else said[-2]["data"])
    return heard


def hear_turn(pieces: Pieces) -> Heard:
    """The agent chat dialect; pings are comments."""
    events = events_of(pieces)
    check_turn(events)
    *before, last = [event.json for event in events]
    others = [item["metadata"] or {} for item in before]
    heard = Heard([_some([item["content"] for item in before])], [_index(event.id) for event in events])
    heard.thought = "".join(other.get("reasoning", "") for other in others)
    heard.called = "".join(other["toolCall"]["arguments"] for other in others if "toolCall" in other)
    if last["type"] == "error":
        heard.failure = last["error"], last["metadata"]["code"]
    else:
        heard.reasons = [last["finish_reason"]]
        heard.usage = last["metadata"]["prompt_tokens"], last["metadata"]["completion_tokens"]
    return heard


def hear_openai(pieces: Pieces) -> Heard:
    """The OpenAI dialect: chat or completion, of any number of answers."""
    events = events_of(pieces)
    chunks = [event.json for event in events[:-1]]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    answers = 1 + max((choice["index"] for choice in choices), default=0)
    whole = check_openai(events, answers=answers)
    texts: list[list[str]] = [[] for _ in range(answers)]
    reasons = [""] * answers
    thought, called = [""] * answers, [""] * answers
    for choice in choices:
        texts[choice["index"]].append(choice["delta"].get("content", "") if "delta" in choice else choice["text"])
        reasons[choice["index"]] = choice["finish_reason"]
        delta = choice.get("delta") or {}
        thought[choice["index"]] += delta.get("reasoning_content", "")
        for call in delta.get("tool_calls", ()):
            called[choice["index"]] += call["function"]["arguments"]
    heard = Heard([_some(of_one) for of_one in texts])
    assert whole == ["".join(of_one) for of_one in texts]
    if choices and "delta" in choices[0]:
        heard.thought, heard.called = "".join(thought), "".join(called)
    if events[-1].name == "error":
        heard.failure = events[-1].json["error"]["message"], None
        return heard
    heard.reasons = reasons
    if "usage" in chunks[-1]:
        usage = chunks[-1]["usage"]
        heard.usage = usage["prompt_tokens"], usage["completion_tokens"]
        assert usage["total_tokens"] == sum(heard.usage)
    return heard


def _hear_native(events: list[tuple[str, str, dict[str, Any]]]) -> Heard:
    said = [(event_id, data) for name, event_id, data in events if name != "ping"]
    texts = [data["delta"] for _, data in said if "delta" in data]
    heard = Heard([_some(texts)], [_index(event_id) for event_id, _ in said], pings=len(events) - len(said))
    heard.thought = "".join(data.get("reasoning", "") for _, data in said)
    heard.called = "".join(data["toolCall"]["arguments"] for _, data in said if "toolCall" in data)
    _hear_end(heard, said[-1][1])
    return heard


def _hear_end(heard: Heard, last: dict[str, Any]) -> None:
    if "error" in last:
        heard.failure = last["error"], last["code"]
    else:
        heard.reasons = [last["finishReason"]]
        heard.usage = last["usage"]["promptTokens"], last["usage"]["completionTokens"]


def _some(texts: list[str]) -> list[str]:
    return [text for text in texts if text]


def _typed(said: list[dict[str, Any]], kind: str) -> list[str]:
    """What events of one type say."""
    return _some([item["content"] for item in said if item["type"] == kind])


def _index(event_id: str) -> int:
    return int(event_id.rpartition(".")[2])
