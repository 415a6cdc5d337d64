"""How it is said in a response's head what a caller may use, and what is left of it.

    ratelimit-policy: "requests";q=60;w=60, "streams";q=4;qu="concurrent-requests"
    ratelimit: "requests";r=59;t=61, "streams";r=3

draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4. It knows no unit for tokens; they are called what they are.
Under /v1 the same is said in OpenAI's fields, too, for each minute.
"""

from collections.abc import Sequence
from math import ceil

from edge_proxy.core.quota import MINUTE_S, Left, Unit, wait_s

UNITS = {Unit.REQUESTS: "", Unit.TOKENS: ';qu="tokens"', Unit.STREAMS: ';qu="concurrent-requests"'}
HEADERS = ("RateLimit", "RateLimit-Policy")
OPENAI_HEADERS = tuple(
    f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in (Unit.REQUESTS, Unit.TOKENS)
)


def fields(standing: Sequence[Left], *, openai: bool) -> dict[str, str]:
    """The fields of a response's head, by name; none where there are no limits."""
    if not standing:
        return {}
    said = {
        "ratelimit-policy": ", ".join(map(_policy, standing)),
        "ratelimit": ", ".join([_left(left, refused=wait_s(standing) > 0) for left in standing]),
    }
    for left in standing if openai else ():
        if left.quota.width_s == MINUTE_S:
            said[f"x-ratelimit-limit-{left.quota.unit}"] = str(left.quota.limit)
            said[f"x-ratelimit-remaining-{left.quota.unit}"] = str(left.remaining)
            said[f"x-ratelimit-reset-{left.quota.unit}"] = duration(left.full_s)
    return said


def retry_after_s(standing: Sequence[Left]) -> int:
    """How long who was refused should wait, in whole seconds, as the field of that name has it."""
    return max(1, ceil(wait_s(standing)))


def duration(seconds: float) -> str:
    """As OpenAI has it: "850ms", "59s", "6m0s"."""
    if seconds < 1:
        return f"{ceil(1000 * seconds)}ms" if seconds else "0s"
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _policy(left: Left) -> str:
    quota = left.quota
    window = f";w={quota.width_s:.0f}" if quota.width_s else ""
    return f'"{quota.name}";q={quota.limit}{UNITS[quota.unit]}{window}'


def _left(left: Left, *, refused: bool) -> str:
    """Who was refused waits for what was violated: the rest's time may be behind that (section 5 wants none such)."""
    said = left.more_s if not refused or left.violated else 0.0
    return f'"{left.quota.name}";r={left.remaining}' + (f";t={ceil(said)}" if said else "")
