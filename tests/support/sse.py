"""A strict, independent reader of Server-Sent Events: WHATWG HTML, section 9.2.6 "Interpreting an event stream".

It shares no code with the product. Where a browser would forgive (a byte order mark, CR line ends, a field it does not
know, an unterminated last event), it raises, because our edge must never write such a thing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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


def check_native(events: list[Event], *, complete: bool = True) -> str:
    """Check the promises of the native dialect on a whole stream; its text.

    Ids rise and belong to one generation; `isFinal` and `error` come once at most, and last; with `complete` one did.
    """
    text, indices, owners, ends = "", [-1], set(), 0
    for event in events:
        assert not ends, f"an event after the end: {event}"
        if event.name == "ping":
            assert set(event.json) == {"timestamp"}
            continue
        owner, _, index = event.id.rpartition(".")
        owners.add(owner)
        if event.name == "message":
            text += event.json["delta"]
            ends += event.json["isFinal"] is True
            assert int(index) > indices[-1] or event.json["isFinal"]
        else:
            assert event.name == "error"
            assert set(event.json) == {"error", "code", "details"}
            ends += 1
        assert int(index) >= indices[-1]
        indices.append(int(index))
    assert len(owners) <= 1
    assert ends == 1 or not complete, "the stream has no end"
    return text
