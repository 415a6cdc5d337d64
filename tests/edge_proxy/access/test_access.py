from datetime import UTC, datetime
from pathlib import Path

from edge_proxy.access.access import SIGN, Access
from edge_proxy.access.key_ring import KeyRing
from edge_proxy.access.keys import make
from edge_proxy.core.caller import ANYONE, Caller, Limits


class Clock:
    """The wall's."""

    def __init__(self) -> None:
        self.unix_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.unix_s


def made(*, owner: str = "alice", expires_unix_s: float | None = None) -> tuple[str, str]:
    expires = None if expires_unix_s is None else datetime.fromtimestamp(expires_unix_s, UTC)
    return make("laptop", owner=owner, expires=expires, limits=Limits())


async def test_a_key_says_who_asks() -> None:
    key, line = made()
    access = Access(KeyRing(line))
    caller = await access.identify(key)
    assert caller
    assert caller.owner == "alice"
    assert await access.identify(key[:-1]) is None


async def test_what_has_a_tokens_shape_is_asked_of_the_issuer() -> None:
    asked: list[str] = []

    async def find(token: str) -> Caller | None:
        asked.append(token)
        return None

    access = Access(KeyRing(), find)
    for credential in ("a.b.c", "a.b", "a.b.c.d", ""):
        assert await access.identify(credential) is None
    assert asked == ["a.b.c"]
    assert await Access(KeyRing()).identify("a.b.c") is None


async def test_who_has_a_key_may_until_it_expires() -> None:
    clock = Clock()
    key, line = made(expires_unix_s=clock.unix_s + 10)
    access = Access(KeyRing(line), unix_s=clock)
    caller = await access.identify(key)
    assert caller
    assert access.as_of_now(caller) == caller
    clock.unix_s += 10
    assert access.as_of_now(caller) is None


async def test_who_has_a_key_may_not_once_it_is_revoked_or_anothers_or_ends_earlier(tmp_path: Path) -> None:
    clock = Clock()
    key, line = made()
    path = tmp_path / "keys"
    for changed in ("", line.replace("alice", "bob"), line.replace("}", ', "expires": "2026-01-01T00:00:00Z"}')):
        path.write_text(line)
        ring = KeyRing("", path)
        access = Access(ring, unix_s=clock)
        caller = await access.identify(key)
        assert caller
        assert access.as_of_now(caller)
        path.unlink()
        path.write_text(changed)
        ring.look()
        assert access.as_of_now(caller) is None


async def test_new_limits_are_those_as_of_now(tmp_path: Path) -> None:
    key, line = made()
    path = tmp_path / "keys"
    path.write_text(line)
    ring = KeyRing("", path)
    access = Access(ring)
    caller = await access.identify(key)
    assert caller
    path.write_text(line.replace("}", ', "streams": 2}'))
    ring.look()
    now = access.as_of_now(caller)
    assert now
    assert now.limits.streams == 2


def test_a_tokens_caller_may_until_the_token_expires() -> None:
    clock = Clock()
    access = Access(KeyRing(), unix_s=clock)
    caller = Caller(key_id=f"{SIGN}alice", owner=f"{SIGN}alice", expires_unix_s=clock.unix_s + 1)
    assert access.as_of_now(caller) is caller
    clock.unix_s += 1
    assert access.as_of_now(caller) is None


def test_where_no_key_is_asked_for_anyone_may() -> None:
    assert Access(KeyRing()).as_of_now(ANYONE) is ANYONE
