"""The native dialect for who reads lines instead of events: each one a JSON object that says its type.

    {"type":"opened","generationId":"w1-5c0f...e2"}
    {"type":"message","id":"w1-5c0f...e2.42","delta":"Hello","isFinal":false}

The objects are those of the native dialect, with the event's name and id as members.
"""

from collections.abc import Sequence
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.events import Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects import native

name = "json_lines"
headers: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"application/x-ndjson"),  # which is UTF-8: RFC 8259, section 8.1
    *sse.UNBUFFERED,
)
refusal = native.refusal


class JsonLinesEncoder:
    """Spells one stream."""

    __slots__ = ("_generation_id",)

    def __init__(self, generation_id: str) -> None:
        self._generation_id = generation_id

    def begin(self) -> bytes:
        """What was opened, before any token."""
        return f'{{"type":"opened","generationId":"{self._generation_id}"}}\n'.encode("ascii")

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One line."""
        match event:
            case Delta():
                return self._line("message", event.next_index, native.delta(event))
            case Ping():
                return f'{{"type":"ping",{native.ping(unix_s)[1:]}\n'.encode("ascii")
            case Finished():
                return self._line("message", event.cursor, native.final(event))
            case Failed():
                return self._line("error", event.cursor, native.error(event))
            case _:
                assert_never(event)

    def _line(self, kind: str, next_index: int, data: str) -> bytes:
        return f'{{"type":"{kind}","id":"{self._generation_id}.{next_index}",{data[1:]}\n'.encode("ascii")


def encoder(generation_id: str, index: int = 0, before: str = "") -> JsonLinesEncoder:
    """An encoder for one stream, which has one answer."""
    return JsonLinesEncoder(generation_id)


def end(generation_id: str, usages: Sequence[Usage]) -> bytes:
    """Nothing: the last line is the end."""
    return b""
