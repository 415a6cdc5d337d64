"""How long a database may take, and what is wrong with one that waiting does not help."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the database may take."""

    ask_s: float  # for what is asked before a response begins
    keep_s: float = 5.0  # to keep a reply, before its client is told that it could not be kept
    open_s: float = 10.0  # to be opened, and brought to the newest schema


class Unusable(Exception):
    """What is wrong with a database, for who set its address."""
