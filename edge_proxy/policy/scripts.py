"""The scripts beside this module: their text, what they are told, and what they say.

One server's, or one primary's with replicas: what a caller has used is in several keys, which a cluster could part.
"""

from pathlib import Path
from typing import Any

from edge_proxy.core.account import PLACE_WAIT_S
from edge_proxy.core.quota import Amounts, Left, Quota, Unit, Verdict
from edge_proxy.policy.books import MARK_S, Read, Taken, Taking

PREFIX = "token-relay"
LEASE_S = 30.0  # so long a stream counts whose edge has died

Call = tuple[list[str], list[Any]]  # keys and arguments


def text(name: str) -> str:
    """A script, with the window that all have in common."""
    folder = Path(__file__).parent
    return (folder / "window.lua").read_text() + (folder / f"{name}.lua").read_text()


def key(key_id: str, name: str) -> str:
    """Where what a caller has used of that is written down."""
    return f"{PREFIX}:key:{key_id}:{name}"


def limits_streams(taking: Taking) -> bool:
    """Whether its caller may only have so many at once."""
    return any(quota.unit is Unit.STREAMS for quota in taking.quotas)


def members(shared_id: str, taking: Taking) -> list[str]:
    """What its streams' leases are called."""
    return [f"{shared_id}:{number}" for number in range(1, taking.asked.streams + 1)]


def _windows(taking: Taking) -> list[Quota]:
    return [quota for quota in taking.quotas if quota.width_s]


def taking_call(taking: Taking, shared_id: str, now: str) -> Call:
    """The keys and arguments of take.lua."""
    windows, streams = _windows(taking), [quota.limit for quota in taking.quotas if quota.unit is Unit.STREAMS]
    keys = [key(taking.key_id, name) for name in ("streams", *[quota.name for quota in windows])]
    arguments: list[Any] = [now, shared_id, taking.asked.streams, streams[0] if streams else 0, LEASE_S]
    for quota in windows:
        arguments += [quota.limit, quota.need(taking.asked), quota.width_s / quota.slots, quota.slots]
    return keys, arguments


def verdict(taking: Taking, answer: list[Any]) -> Verdict:
    """What take.lua says."""
    now, granted, running = float(answer[0]), bool(answer[1]), int(answer[2])
    rows = iter(zip(*[iter(answer[3:])] * 4, strict=True))
    standing = []
    for quota in taking.quotas:
        if quota.unit is Unit.STREAMS:
            crowded = not granted and running + taking.asked.streams > quota.limit
            left = Left(quota, max(0, quota.limit - running), wait_s=PLACE_WAIT_S if crowded else 0.0)
        else:
            used, more_s, full_s, wait_s = next(rows)
            left = Left(quota, max(0, quota.limit - int(used)), float(more_s), float(full_s), float(wait_s))
        standing.append(left)
    return Verdict(granted, tuple(standing), now)


def settling_call(taken: Taken, used: Amounts, read: Read | None, now: str) -> Call:
    """The keys and arguments of settle.lua."""
    taking = taken.taking
    windows = _windows(taking)
    paid = f"{PREFIX}:read:{read.generation_id if read else ''}"
    keys = [key(taking.key_id, "streams"), paid, *[key(taking.key_id, quota.name) for quota in windows]]
    stretch = [read.end, read.begin, int(read.again)] if read else ["", 0, 0]
    arguments: list[Any] = [now, taken.shared_id, taking.asked.streams, repr(taken.shared_at), *stretch, int(MARK_S)]
    for quota in windows:
        more = getattr(used, quota.unit) - quota.need(taking.asked)
        arguments += [more, int(quota.unit is Unit.TOKENS), quota.width_s / quota.slots, quota.slots]
    return keys, arguments
