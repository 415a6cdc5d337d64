"""Where a stream stands in a trace: W3C Trace Context, level 1, section 3.2. Pure: nothing is recorded here.

traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
             version, trace id, the caller's span id, flags: bit 0 says that the trace is recorded
"""

import re
from collections.abc import Callable
from typing import NamedTuple

FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
MAX_CHARS = 512  # of a header of a version to come
RECORDED = 1


class Span(NamedTuple):
    """A stretch of work within a trace."""

    trace_id: str
    span_id: str
    parent_id: str  # "" for the first of its trace
    recorded: bool

    @property
    def header(self) -> str:
        """What work that it causes is given."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.recorded):02x}"


def valid(header: str) -> str:
    """The header, if it is one; else "": who is given a bad one begins a trace of its own."""
    whole = len(header) <= MAX_CHARS and FORM.fullmatch(header)
    return header if whole and (header.startswith("00-") is False or not whole[4]) else ""


def child(header: str, *, random_hex: Callable[[int], str]) -> Span:
    """A span under the one that the header names; the first of a trace if there is none.

    Args:
        header: One that is `valid`, or "".
        random_hex: So many random bytes, as hex.
    """
    match = FORM.fullmatch(header)
    if not match:
        return Span(random_hex(16), random_hex(8), "", recorded=True)
    return Span(match[1], random_hex(8), match[2], recorded=bool(int(match[3], 16) & RECORDED))
