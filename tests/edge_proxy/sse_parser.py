"""Reads an event stream as a browser does: WHATWG HTML, sections 9.2.5 "Parsing" and 9.2.6 "Interpreting".

It forgives all that the standard forgives, so that it shows what clients would see of whatever is written.
"""

import re
from dataclasses import dataclass

LINE_END = re.compile("\r\n|\n|\r")  # section 9.2.5: these three and no others


@dataclass(frozen=True)
class Message:
    """One dispatched event."""

    type: str
    data: str
    last_event_id: str = ""


class EventStream:
    """The state that the standard names: three buffers, and the last event id."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.comments: list[str] = []
        self.reconnection_ms: int | None = None
        self._data = ""
        self._type = ""
        self._id = ""

    def take(self, line: str) -> None:
        """One line, without its end."""
        if not line:
            self._dispatch()
        elif line.startswith(":"):
            self.comments.append(line[1:])
        else:
            name, _, value = line.partition(":")
            self._field(name, value.removeprefix(" "))

    def _field(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.reconnection_ms = int(value)

    def _dispatch(self) -> None:
        if self._data:
            self.messages.append(Message(self._type or "message", self._data.removesuffix("\n"), self._id))
        self._data = self._type = ""


def parse(data: bytes) -> EventStream:
    """What a client has seen when the connection ends behind `data`. An unterminated block is discarded."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    stream = EventStream()
    *lines, _unterminated = LINE_END.split(text)
    for line in lines:
        stream.take(line)
    return stream


def messages(data: bytes) -> list[Message]:
    """The events of a stream."""
    return parse(data).messages
