"""Who asks, and how much that one may use. Found once for a request, before anything else is done with it."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a caller may use; 0 is no bound. Tokens are those of prompts and of answers."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0
    streams: int = 0  # at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    `key_id` names the key in logs and metrics, and is no secret. What `owner` has begun nobody else can read, go on
    with or stop; several keys may have one owner.
    """

    key_id: str = ""
    owner: str = ""
    limits: Limits = Limits()
    expires_unix_s: float = inf  # it is nobody's any more from then on


ANYONE = Caller()  # where no key is asked for
