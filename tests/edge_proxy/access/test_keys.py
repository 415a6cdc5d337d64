import json
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

import pytest

from edge_proxy.access.keys import SHAPE, Keys, make, read_lines
from edge_proxy.core.caller import Limits

NOW = 1_800_000_000.0


def made(name: str = "laptop", **given: Any) -> tuple[str, str]:
    return make(name, **({"owner": "", "expires": None, "limits": Limits()} | given))


def test_a_new_key_is_found_by_its_line_with_its_owner_and_limits() -> None:
    key, line = made(owner="alice", limits=Limits(streams=4, tokens_per_day=9))
    caller = Keys(read_lines(line)).find(key, unix_s=NOW)
    assert caller
    assert (caller.owner, caller.limits) == ("alice", Limits(streams=4, tokens_per_day=9))
    assert caller.key_id == json.loads(line)["id"]


def test_a_key_without_an_owner_is_its_own() -> None:
    key, line = made("laptop")
    caller = Keys(read_lines(line)).find(key, unix_s=NOW)
    assert caller
    assert caller.owner == "laptop"


def test_a_line_holds_neither_the_key_nor_a_part_of_its_secret() -> None:
    key, line = made()
    secret = key.split("_", 2)[2]
    assert SHAPE.fullmatch(key)
    assert len(secret) == 43, "256 bits"
    assert not any(secret[start : start + 6] in line for start in range(len(secret) - 6))
    assert made()[0] != made()[0]


def test_a_key_is_nobodys_from_the_moment_on_that_it_expires() -> None:
    key, line = made(expires=datetime.fromtimestamp(NOW, UTC))
    known = Keys(read_lines(line))
    assert known.find(key, unix_s=NOW - 0.001)
    assert known.find(key, unix_s=NOW) is None


def wrong_keys() -> tuple[Keys, dict[str, str]]:
    key, line = made()
    expired, expired_line = made(expires=datetime.fromtimestamp(NOW - 1, UTC))
    return Keys(read_lines(f"{line}\n{expired_line}")), {
        "unknown": made()[0],
        "of a known id, with another secret": key[:16] + made()[0][16:],
        "one character more": key + "A",
        "one character less": key[:-1],
        "in capitals": key.upper(),
        "expired": expired,
        "empty": "",
        "not ASCII": "tr_é\u2028",
        "long": "x" * 10_000,
        "the hash itself": json.loads(line)["sha256"],
    }


def test_what_is_no_key_finds_nobody() -> None:
    known, wrong = wrong_keys()
    assert {why: known.find(key, unix_s=NOW) for why, key in wrong.items()} == dict.fromkeys(wrong)


def test_every_key_takes_the_same_steps_whether_it_is_known_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a clock, which measures the machine: what is compared, how often and how much of it, is the same."""
    compared: list[tuple[int, int]] = []

    def compare(given: bytes, stored: bytes) -> bool:
        compared.append((len(given), len(stored)))
        return compare_digest(given, stored)

    known, wrong = wrong_keys()
    monkeypatch.setattr("edge_proxy.access.keys.hmac.compare_digest", compare)
    for key in wrong.values():
        assert known.find(key, unix_s=NOW) is None
    assert compared == [(32, 32)] * len(wrong)


def test_lines_may_be_empty_or_comments() -> None:
    _, line = made()
    assert len(read_lines(f"# the laptop's\n\n  {line}\r\n   \n")) == 1
    assert len(Keys(read_lines(""))) == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "xyz"}, "id"),
        ({"name": ""}, "name"),
        ({"owner": "jwt:alice"}, "owner"),  # as the owner of a token's
        ({"sha256": "00"}, "sha256"),
        ({"streams": -1}, "streams"),
        ({"streams": "4"}, "streams"),
        ({"expires": "tomorrow"}, "expires"),
        ({"expires": "2027-01-01T00:00:00"}, "expires"),  # where?
        ({"strems": 4}, "strems"),  # a limit that is misspelled must not be none
    ],
)
def test_a_line_that_is_wrong_is_named_by_its_number_and_field(changes: dict[str, object], field: str) -> None:
    _, line = made()
    with pytest.raises(ValueError, match=rf"^line 2: {field}: "):
        read_lines("# first\n" + json.dumps(json.loads(line) | changes))


def test_an_id_is_there_once() -> None:
    _, line = made()
    with pytest.raises(ValueError, match="twice"):
        read_lines(f"{line}\n{line}")


def test_a_key_by_mistake_is_not_repeated_in_the_message() -> None:
    key, _ = made()
    with pytest.raises(ValueError, match="line 1") as caught:
        read_lines(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("name", ["", "two words", "a:b", "x" * 65])
def test_a_name_that_can_not_be_stored_makes_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        made(name)
