"""API keys: what one looks like, the line that it is stored by, and finding who it is.

    tr_3f9a1c2b4d5e_Zk0t...      a key: its id, which is no secret, and 256 random bits, which are
    {"id": "3f9a1c2b4d5e", "name": "laptop", "owner": "alice", "sha256": "9f86...", "streams": 4}

A line holds no secret: of so many random bits the plain hash gives nothing away, and a slow one would only cost time.
A key that is revoked is a line that is gone, so that nobody can tell it from one that never was.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge_proxy.core.caller import Caller, Limits

SHAPE = re.compile(r"tr_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
MAX_LINES = 100_000
# No colon: owners that an issuer's tokens name have one, and can not be mistaken for these.
NAME = r"^[A-Za-z0-9._@-]{1,64}$"


class Line(BaseModel):
    """A key as it is stored. A limit of 0 is no bound."""

    model_config = ConfigDict(extra="forbid", strict=True, str_max_length=200)

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(pattern=NAME)
    owner: str = Field("", pattern=NAME, validate_default=False)
    sha256: Annotated[str, AfterValidator(str.lower)] = Field(pattern=r"^[0-9a-fA-F]{64}$")
    expires: AwareDatetime | None = None
    requests_per_minute: int = Field(0, ge=0)
    tokens_per_minute: int = Field(0, ge=0)
    tokens_per_day: int = Field(0, ge=0)
    streams: int = Field(0, ge=0)


class Known(NamedTuple):
    """A key's hash, and who comes with it."""

    digest: bytes
    caller: Caller


# What an id that is not known is compared with, so that it takes the same steps. Nothing has this hash.
_NOBODY = Known(secrets.token_bytes(32), Caller(key_id="nobody", owner="nobody"))


class Keys:
    """A set of keys, which does not change."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self._known = {line.id: Known(bytes.fromhex(line.sha256), _caller(line)) for line in lines}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    def find(self, key: str, *, unix_s: float) -> Caller | None:
        """Who comes with that key; None for what is no key, unknown, revoked, wrong or expired, by the same steps."""
        match = SHAPE.fullmatch(key)
        known = self._known.get(match[1] if match else "", _NOBODY)
        right = hmac.compare_digest(hashlib.sha256(key.encode()).digest(), known.digest)
        return known.caller if right and unix_s < known.caller.expires_unix_s else None

    def named(self, key_id: str) -> Caller | None:
        """Who comes with the key of that id."""
        known = self._known.get(key_id)
        return known.caller if known else None


def read_lines(text: str) -> list[Line]:
    """The keys of a file or a setting: one JSON object a line; empty lines and those that begin with # are skipped.

    Raises:
        ValueError: A line is wrong; the message has its number and nothing of its text, which may be a key by mistake.
    """
    lines: dict[str, Line] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        line = _read(number, raw)
        if line.id in lines:
            raise ValueError(f"line {number}: the id {line.id} is there twice")
        lines[line.id] = line
    if len(lines) > MAX_LINES:
        raise ValueError(f"there can be {MAX_LINES:,} keys at most")
    return list(lines.values())


def make(name: str, *, owner: str, expires: datetime | None, limits: Limits) -> tuple[str, str]:
    """A new key, and the line to store.

    Raises:
        ValueError: Name or owner is none.
    """
    key_id = secrets.token_hex(6)
    key = f"tr_{key_id}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    bounds = {bound: getattr(limits, bound) for bound in Limits.__dataclass_fields__ if getattr(limits, bound)}
    stored = {"id": key_id, "name": name, "owner": owner or name, "sha256": digest} | bounds
    if expires:
        stored["expires"] = expires.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    text = json.dumps(stored)
    _read(1, text)
    return key, text


def _read(number: int, raw: str) -> Line:
    try:
        return Line.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ValueError(f"line {number}: {f'{field}: ' if field else ''}{first['msg']}") from None


def _caller(line: Line) -> Caller:
    return Caller(
        key_id=line.id,
        owner=line.owner or line.name,
        limits=Limits(
            requests_per_minute=line.requests_per_minute,
            tokens_per_minute=line.tokens_per_minute,
            tokens_per_day=line.tokens_per_day,
            streams=line.streams,
        ),
        expires_unix_s=line.expires.timestamp() if line.expires else inf,
    )
