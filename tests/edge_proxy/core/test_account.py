from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.account import PLACE_WAIT_S, Account
from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Amounts, Quota, quotas

ONE = Amounts(requests=1, streams=1)


def bounds(**limits: int) -> tuple[Quota, ...]:
    return quotas(Limits(**limits), Limits())


def test_requests_are_granted_until_the_limit_and_again_when_they_are_a_minute_old() -> None:
    account, limits = Account(), bounds(requests_per_minute=2)
    verdicts = [account.take(limits, ONE, now=now) for now in (0.0, 30.0, 59.0, 61.0, 62.0)]
    assert [verdict.granted for verdict in verdicts] == [True, True, False, True, False]
    (left,) = verdicts[2].standing
    assert (left.remaining, left.wait_s, left.violated) == (0, 2.0, True)
    (left,) = verdicts[1].standing
    assert (left.remaining, left.more_s, left.full_s, left.violated) == (0, 31.0, 61.0, False)


def test_a_request_takes_all_or_nothing() -> None:
    account, limits = Account(), bounds(requests_per_minute=10, streams=1)
    account.take(limits, ONE, now=0)
    refused = account.take(limits, ONE, now=0)
    assert not refused.granted
    assert [(left.remaining, left.wait_s) for left in refused.standing] == [(9, 0.0), (0, PLACE_WAIT_S)]


def test_a_stream_that_is_over_leaves_its_place() -> None:
    account, limits = Account(), bounds(streams=2)
    asked = Amounts(requests=1, streams=2)
    assert account.take(limits, asked, now=0).granted
    assert not account.take(limits, ONE, now=1).granted
    account.settle(limits, asked, Amounts(requests=1), at=0, now=2)
    assert account.take(limits, ONE, now=3).granted


def test_what_was_taken_and_not_used_is_given_back() -> None:
    account, limits = Account(), bounds(requests_per_minute=2, tokens_per_minute=100)
    asked = Amounts(1, 90, 1)
    account.take(limits, asked, now=0)
    account.settle(limits, asked, Amounts(1, 30), at=0, now=5)
    assert [left.remaining for left in account.take(limits, Amounts(), now=5).standing] == [1, 70]


def test_a_request_that_was_not_carried_out_costs_nothing() -> None:
    account, limits = Account(), bounds(requests_per_minute=2, tokens_per_minute=100, tokens_per_day=1000, streams=1)
    asked = Amounts(1, 90, 1)
    account.take(limits, asked, now=0)
    account.settle(limits, asked, Amounts(), at=0, now=1)
    assert [left.remaining for left in account.take(limits, Amounts(), now=1).standing] == [2, 100, 1000, 1]


def test_what_was_used_beyond_is_charged_when_that_is_known() -> None:
    account, limits = Account(), bounds(tokens_per_minute=100)
    asked = Amounts(1, 20, 1)
    account.take(limits, asked, now=0)
    account.settle(limits, asked, Amounts(1, 150), at=0, now=50)
    refused = account.take(limits, asked, now=100)
    assert not refused.granted
    assert (refused.standing[0].remaining, refused.standing[0].wait_s, refused.standing[0].more_s) == (0, 11.0, 11.0)
    assert account.take(limits, asked, now=111).granted


def test_who_asks_for_more_tokens_than_there_ever_are_waits_until_nothing_is_used() -> None:
    account, limits = Account(), bounds(tokens_per_minute=100)
    assert account.take(limits, Amounts(1, 5, 1), now=0).granted
    assert not account.take(limits, Amounts(1, 5000, 1), now=1).granted
    assert account.take(limits, Amounts(1, 5000, 1), now=61).granted


def test_who_needs_no_tokens_is_not_refused_for_them() -> None:
    account, limits = Account(), bounds(tokens_per_minute=100)
    account.take(limits, Amounts(1, 100, 1), now=0)
    assert account.take(limits, ONE, now=1).granted


def test_what_was_granted_elsewhere_is_written_down_whatever_there_is() -> None:
    account, limits = Account(), bounds(requests_per_minute=1, streams=1)
    for _ in range(3):
        assert account.take(limits, ONE, now=0, anyway=True).granted
    assert [left.remaining for left in account.take(limits, Amounts(), now=0).standing] == [0, 0]


def test_it_is_idle_when_there_is_nothing_to_remember() -> None:
    account, limits = Account(), bounds(requests_per_minute=5, streams=1)
    assert account.idle(now=0)
    account.take(limits, ONE, now=0)
    assert not account.idle(now=100)  # its stream runs
    account.settle(limits, ONE, Amounts(1), at=0, now=100)
    assert account.idle(now=101)


steps = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 120), st.floats(0, 1)), max_size=80)


@given(steps)
def test_requests_of_any_minute_never_use_more_tokens_than_a_minutes(steps: list[tuple[float, int, float]]) -> None:
    account, limits, now, used = Account(), bounds(tokens_per_minute=100, requests_per_minute=5), 0.0, []
    for gap_s, asked, part in steps:
        now += gap_s
        wanted = Amounts(1, min(asked, 100), 1)
        if account.take(limits, wanted, now=now).granted:
            really = Amounts(1, int(part * wanted.tokens), 0)
            account.settle(limits, wanted, really, at=now, now=now + gap_s)
            used.append((now, really))
        lately = [one for at, one in used if at > now - 60]
        assert sum(one.tokens for one in lately) <= 100
        assert len(lately) <= 5
