"""A strict, independent reader of Server-Sent Events: WHATWG HTML, section 9.2.6 "Interpreting an event stream".

It shares no code with the product. Where a browser would forgive (a byte order mark, CR line ends, a field it does not
know, an unterminated last event), it raises, because our edge must never write such a thing.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

VALUES = {
    "data": r".+",  # some SDKs can not read an event without data
    "event": r"[A-Za-z][A-Za-z0-9_.-]*",
    "id": r"[!-~]{1,128}",  # plain and short, or browsers ask first before they come back to another origin
    "retry": r"[0-9]+",
}


@dataclass(frozen=True)
class Event:
    """One dispatched event."""

    name: str
    data: str
    id: str

    @property
    def json(self) -> dict[str, Any]:
        """The data, as the JSON object that it is."""
        value = json.loads(self.data)
        assert isinstance(value, dict)
        return value


class Reader:
    """Takes bytes however they are cut, and gives events."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that are complete with these bytes."""
        if data and not self._started:
            self._started = True
            assert not data.startswith(b"\xef\xbb\xbf"), "a byte order mark loses the first event for some clients"
        self._rest += data
        while (end := self._rest.find(b"\n\n")) >= 0:
            block, self._rest = self._rest[:end], self._rest[end + 2 :]
            event = _event(block)
            if event:
                yield event

    def close(self) -> None:
        """The stream is over."""
        assert not self._rest, f"an unterminated block would be discarded: {self._rest!r}"


def _event(block: bytes) -> Event | None:
    """The event of a block; None for one of comments only."""
    assert b"\r" not in block, "a carriage return ends a line"
    fields: dict[str, str] = {}
    for line in block.decode("utf-8").split("\n"):
        if line.startswith(":"):
            continue
        name, colon, value = line.partition(": ")
        assert colon, f"a field without a value: {line!r}"
        assert name in VALUES, f"an unknown field: {line!r}"
        assert re.fullmatch(VALUES[name], value, re.DOTALL), f"a value that clients stumble over: {line!r}"
        assert name not in fields, f"a field given twice: {line!r}"
        fields[name] = value
    if not fields:
        return None
    assert "data" in fields, f"an event without data: {block!r}"
    return Event(fields.get("event", "message"), fields["data"], fields.get("id", ""))


class Step(NamedTuple):
    """One event but a ping, in words that all dialects with ids share."""

    id: str
    text: str
    ends: bool = False
    again: bool = False  # its id is that of the event before: both are made of one


def check_native(events: Sequence[Event], *, complete: bool = True) -> str:
    """Check the promises of the native dialect on a whole stream; its text.

    Ids rise and belong to one generation; `isFinal` and `error` come once at most, and last; with `complete` one did.
    """
    return _check([_native_step(event.name, event.json, event.id) for event in events], complete=complete)


def check_lines(body: bytes, *, complete: bool = True) -> str:
    """The same for the native dialect in lines of JSON, of which the first says what was opened."""
    assert body.endswith(b"\n"), "the last line is cut"
    opened, *lines = [json.loads(line) for line in body.decode("ascii").removesuffix("\n").split("\n")]
    assert set(opened) == {"type", "generationId"}
    assert opened["type"] == "opened"
    steps = [_native_step(line.pop("type"), line, line.pop("id", "")) for line in lines]
    assert {step.id.rpartition(".")[0] for step in steps if step} <= {opened["generationId"]}
    return _check(steps, complete=complete)


def check_ask(events: Sequence[Event], *, complete: bool = True) -> str:
    """The same for the ask dialect. Its end repeats the whole answer, equal to what came in pieces."""

    def read(said: dict[str, Any], before: str, event_id: str) -> Step:
        if said["type"] == "end":
            assert set(said) == {"type", "answer", "finishReason", "usage"}
            assert said["answer"] == before
            return Step(event_id, "", ends=True)
        if said["type"] == "error":
            return _typed_error(said, event_id)
        return Step(event_id, said.get("content", "") if said["type"] == "delta" else "")

    return _check_typed(events, read, complete=complete)


def check_staged(events: Sequence[Event], *, complete: bool = True) -> str:
    """The same for the staged dialect. `complete` repeats the reply, with which the text ends; then comes `done`.

    All text is the reply, unless the executor was asked again: then it is what it said last.
    """
    again = any(event.json["type"] == "thinking" and event.json["content"].startswith("Round ") for event in events)

    def read(said: dict[str, Any], before: str, event_id: str) -> Step:
        match said["type"]:
            case "complete":
                assert before.endswith(said["data"]["reply"])
                assert again or said["data"]["reply"] == before
                assert {"generated_code", "execution_result", "image", "plotly_json"} <= set(said["data"])
                return Step(event_id, "", again=True)
            case "done":
                assert set(said) == {"type"}
                return Step(event_id, "", ends=True)
            case "error":
                return _typed_error(said, event_id)
            case kind:
                assert set(said) == {"type", "stage", "content"}
                assert kind in ("thinking", "content")
                return Step(event_id, said["content"] if kind == "content" else "")

    return _check_typed(events, read, complete=complete)


def check_turn(events: Sequence[Event], *, complete: bool = True) -> str:
    """The same for the agent chat dialect: every event has every field."""

    def read(said: dict[str, Any], before: str, event_id: str) -> Step:
        names = "type content session_id message_id reply_id metadata finish_reason error"
        assert list(said) == names.split()
        assert said["type"] in ("content", "done", "error")
        assert bool(said["error"]) == (said["type"] == "error")
        assert bool(said["reply_id"]) == bool(said["finish_reason"]) == (said["type"] == "done")
        return Step(event_id, said["content"] or "", ends=said["type"] != "content")

    return _check_typed(events, read, complete=complete)


def _typed_error(said: dict[str, Any], event_id: str) -> Step:
    """The native dialect's, with a type."""
    step = _native_step("error", {name: value for name, value in said.items() if name != "type"}, event_id)
    assert step
    return step


def _check_typed(events: Sequence[Event], read: Callable[[dict[str, Any], str, str], Step], *, complete: bool) -> str:
    """Unnamed events that say their type; `read` also gets the text before."""
    steps: list[Step | None] = []
    for event in events:
        assert event.name == "message", "onmessage gets them all"
        steps.append(read(event.json, "".join(step.text for step in steps if step), event.id))
    return _check(steps, complete=complete)


def check_openai(events: Sequence[Event], *, answers: int = 1) -> list[str]:
    """Check the promises of the OpenAI dialect on a whole stream; the text of each answer.

    All chunks are of one completion, each with one choice; every answer has its reason last, and the stream `[DONE]`
    behind the usage, if that is counted, or instead of all that an error.
    """
    *before, last = events
    done = last.data == "[DONE]"
    assert {event.name for event in before} | {last.name if done else "message"} <= {"message"}
    assert not any(event.id for event in events), "the SDKs can not read a comment behind an id"
    if not done:
        assert last.name == "error", f"the stream has no end: {last}"
        assert set(last.json) == {"error"}
        assert set(last.json["error"]) == {"message", "type", "param", "code"}
    chunks = _without_usage([event.json for event in before], done=done)
    assert len({(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}) <= 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert len(choices) == len(chunks)
    assert {choice["index"] for choice in choices} <= set(range(answers))
    return [
        _check_choice([choice for choice in choices if choice["index"] == index], done=done) for index in range(answers)
    ]


def _check(steps: Sequence[Step | None], *, complete: bool) -> str:
    last, ended, owners = -1, False, set()
    for step in steps:
        assert not ended, f"an event after the end: {step}"
        if step:
            owner, _, index = step.id.rpartition(".")
            again = step.ends or step.again
            assert int(index) > last or (again and int(index) == last), f"an id that does not rise: {step}"
            last, ended = int(index), step.ends
            owners.add(owner)
    assert len(owners) <= 1
    assert ended or not complete, "the stream has no end"
    return "".join(step.text for step in steps if step)


def _native_step(name: str, data: dict[str, Any], event_id: str) -> Step | None:
    """None for a ping."""
    if name == "ping":
        assert set(data) == {"timestamp"}
        assert not event_id
        return None
    if name == "message":
        final = data["isFinal"]
        assert final in (True, False)
        assert ({"finishReason", "usage"} <= set(data)) == final
        return Step(event_id, data["delta"], ends=final)
    assert name == "error"
    assert set(data) == {"error", "code", "details"}
    assert set(data["details"]) == {"retryable", "partialTokens"}
    index = int(event_id.rpartition(".")[2])
    assert data["details"]["partialTokens"] in (index, index - 1), "an ending counts as an entry, if it is one"
    return Step(event_id, "", ends=True)


def _without_usage(chunks: list[dict[str, Any]], *, done: bool) -> list[dict[str, Any]]:
    """The chunks that are text: where usage is counted, it is null in them, and then comes in one of its own."""
    if not any("usage" in chunk for chunk in chunks):
        return chunks
    if done:
        *chunks, last = chunks
        assert last["choices"] == []
        assert set(last["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert all(chunk["usage"] is None for chunk in chunks)
    return chunks


def _check_choice(choices: list[dict[str, Any]], *, done: bool) -> str:
    """The text of one answer: first a chat's role, then text, and last nothing but the reason."""
    reasons = [choice["finish_reason"] for choice in choices]
    assert not any(reasons[:-1]), "a chunk after the answer's end"
    assert not done or reasons[-1], "an answer without its reason"
    if not choices or "text" in choices[0]:
        return "".join(choice["text"] for choice in choices)
    deltas = [choice["delta"] for choice in choices]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert not any("role" in delta for delta in deltas[1:])
    assert not reasons[-1] or deltas[-1] == {}
    return "".join(delta.get("content", "") for delta in deltas)
