"""What a client gets on a WebSocket: the objects of the lines dialect, one a frame, that say whose they are.

    {"ref":"a","type":"message","id":"w1-5c0f...e2.42","delta":"Hello","isFinal":false}
    {"ref":"a","type":"error","field":"max_tokens","error":"...","code":"INVALID_REQUEST","details":{...}}

`ref` is the client's own word for a generation, and absent if it gave none. An error with an id is the end of its
generation; one without says that something was not carried out.
"""

from edge_proxy.core import sse
from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Event, Failed
from edge_proxy.dialects import json_lines, native


class SocketEncoder:
    """Spells one generation."""

    __slots__ = ("_head", "_lines")

    def __init__(self, generation_id: str, ref: str) -> None:
        self._lines = json_lines.encoder(generation_id)
        self._head = _head(ref)

    def begin(self) -> str:
        """What was opened, before any token."""
        return self._frame(self._lines.begin())

    def encode(self, event: Event, *, unix_s: float) -> str:
        """One frame."""
        return self._frame(self._lines.encode(event, unix_s=unix_s))

    def _frame(self, line: bytes) -> str:
        return self._head + line[1:-1].decode("ascii")


def refusal(failure: Failure, ref: str) -> str:
    """Why a frame of the client's is not carried out."""
    field = f'"field":{sse.quote(failure.wrong_field)},' if failure.wrong_field else ""
    return f'{_head(ref)}"type":"error",{field}{native.error(Failed(failure, 0))[1:]}'


def _head(ref: str) -> str:
    return f'{{"ref":{sse.quote(ref)},' if ref else "{"
