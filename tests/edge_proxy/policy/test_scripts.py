from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Amounts, quotas
from edge_proxy.policy.books import Read, Taken, Taking
from edge_proxy.policy.scripts import key, limits_streams, members, settling_call, taking_call, text, verdict

MINUTE = quotas(Limits(requests_per_minute=5, tokens_per_minute=50), Limits())
TAKING = Taking("k", MINUTE, Amounts(1, 80, 2))


def test_each_script_has_the_window_before_it() -> None:
    for name in ("take", "settle", "renew"):
        assert text(name).startswith("-- A sliding window")


def test_taking_is_told_the_bounds_and_what_is_needed() -> None:
    keys, arguments = taking_call(TAKING, "e1", "")
    assert keys == ["token-relay:key:k:streams", "token-relay:key:k:requests", "token-relay:key:k:tokens"]
    assert arguments == ["", "e1", 2, 0, 30.0, 5, 1, 1.0, 60, 50, 50, 1.0, 60]


def test_what_it_says_is_a_verdict() -> None:
    said = verdict(TAKING, ["7.5", 0, 0, 5, "2.0", "60.0", "2.0", 10, "1.0", "9.0", "0"])
    assert (said.granted, said.at) == (False, 7.5)
    assert [left[1:] for left in said.standing] == [(0, 2.0, 60.0, 2.0), (40, 1.0, 9.0, 0.0)]


def test_settling_is_told_the_difference_and_what_was_read() -> None:
    taken = Taken(TAKING, verdict(TAKING, ["7.5", 1, 0, *["0"] * 8]), "e1", 7.5)
    keys, arguments = settling_call(taken, Amounts(1, 60), Read("w1-1", 3, 9, again=True), "")
    assert keys[:2] == ["token-relay:key:k:streams", "token-relay:read:w1-1"]
    assert arguments == ["", "e1", 2, "7.5", 9, 3, 1, 3600, 0, 0, 1.0, 60, 10, 1, 1.0, 60]
    _, arguments = settling_call(taken, Amounts(), None, "")
    assert arguments[4:] == ["", 0, 0, 3600, -1, 0, 1.0, 60, -50, 1, 1.0, 60]


def test_streams_have_names_where_they_are_limited() -> None:
    assert members("e1", TAKING) == ["e1:1", "e1:2"]
    assert not limits_streams(TAKING)
    assert limits_streams(TAKING._replace(quotas=quotas(Limits(streams=1), Limits())))
    assert key("k", "streams") == "token-relay:key:k:streams"
