"""Where a reader stands in a generation: what an event's id says."""

import re
from typing import NamedTuple

from edge_proxy.core.errors import invalid

# A worker's id, and what it makes unique; and an index: no generation has a billion entries.
GENERATION_ID = re.compile(r"[a-z0-9]{1,32}-[a-z0-9]{1,64}")
SHAPE = re.compile(rf"({GENERATION_ID.pattern})\.([0-9]{{1,9}})")


class Cursor(NamedTuple):
    """A generation's id, and the index of what comes next."""

    generation_id: str
    next_index: int


def parse(text: str) -> Cursor:
    """What an event's id says.

    Raises:
        Refused: INVALID_REQUEST: it is no event's id.
    """
    match = SHAPE.fullmatch(text)
    if match is None:
        raise invalid("last_event_id", "This is no event's id.")
    return Cursor(match[1], int(match[2]))
