from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Amounts, Left, Unit, quotas, wait_s

OWN = Limits(requests_per_minute=1, tokens_per_minute=2, tokens_per_day=3, streams=4)


def test_a_caller_without_limits_has_no_quotas() -> None:
    assert quotas(Limits(), Limits()) == ()


def test_every_limit_is_a_quota() -> None:
    assert [(quota.name, quota.limit, quota.width_s) for quota in quotas(OWN, Limits())] == [
        ("requests", 1, 60),
        ("tokens", 2, 60),
        ("tokens-per-day", 3, 86_400),
        ("streams", 4, 0),
    ]


def test_a_limit_that_a_caller_does_not_have_is_the_default_one() -> None:
    default = Limits(requests_per_minute=10, streams=40)
    bounds = quotas(Limits(requests_per_minute=5, tokens_per_day=7), default)
    assert {quota.name: quota.limit for quota in bounds} == {"requests": 5, "tokens-per-day": 7, "streams": 40}


def test_a_request_needs_what_it_asks_for_but_no_more_tokens_than_there_ever_are() -> None:
    asked = Amounts(requests=1, tokens=1000, streams=8)
    needs = {quota.name: quota.need(asked) for quota in quotas(OWN, Limits())}
    assert needs == {"requests": 1, "tokens": 2, "tokens-per-day": 3, "streams": 8}


def test_units_are_the_names_of_amounts() -> None:
    assert tuple(unit.value for unit in Unit) == Amounts._fields


def test_who_was_refused_waits_for_the_last_of_what_is_missing() -> None:
    requests, tokens, *_ = quotas(OWN, Limits())
    assert wait_s([Left(requests, 0, wait_s=3), Left(tokens, 0, wait_s=7)]) == 7
    assert wait_s([]) == 0
