"""Reads an event stream as a browser does: WHATWG HTML, sections 9.2.5 "Parsing" and 9.2.6 "Interpreting".

It forgives all that the standard forgives, so that it shows what clients would see of whatever is written.
"""

import codecs
import re
from collections.abc import Iterable
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
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_cr = False  # a line feed that comes now belongs to the line's end before it
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """More bytes, however they are cut."""
        text = self._decoder.decode(data)
        if text and not self._begun:
            self._begun, text = True, text.removeprefix("\ufeff")
        if text and self._after_cr:
            self._after_cr, text = False, text.removeprefix("\n")
        *lines, self._rest = LINE_END.split(self._rest + text)
        self._after_cr = self._after_cr or text.endswith("\r")
        for line in lines:
            self.take(line)

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
    return parse_pieces([data])


def parse_pieces(pieces: Iterable[bytes]) -> EventStream:
    """The same, of bytes that come in pieces."""
    stream = EventStream()
    for piece in pieces:
        stream.feed(piece)
    return stream


def messages(data: bytes) -> list[Message]:
    """The events of a stream."""
    return parse(data).messages
