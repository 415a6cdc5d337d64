"""What a client learns from a whole stream, read strictly, in words that all dialects share.

Each reader checks what its dialect promises, by the checks of `tests.support.sse`, and shares no code with the product.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.sse import Event, Reader, check_ask, check_lines, check_native, check_openai

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
    """

    texts: list[list[str]]
    indices: list[int] | None = None
    pings: int | None = None
    reasons: list[str] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    failure: tuple[str, str | None] | None = None


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
    text = check_ask(events)
    *deltas, last = [event.json for event in events]
    texts = [delta["content"] for delta in deltas]
    heard = Heard([_some([*texts, text.removeprefix("".join(texts))])], [_index(event.id) for event in events])
    _hear_end(heard, last)
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
    for choice in choices:
        texts[choice["index"]].append(choice["delta"].get("content", "") if "delta" in choice else choice["text"])
        reasons[choice["index"]] = choice["finish_reason"]
    heard = Heard([_some(of_one) for of_one in texts])
    assert whole == ["".join(of_one) for of_one in texts]
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


def _index(event_id: str) -> int:
    return int(event_id.rpartition(".")[2])
