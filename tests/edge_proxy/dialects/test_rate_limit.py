import pytest

from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Left, quotas
from edge_proxy.dialects import rate_limit

REQUESTS, TOKENS, DAY, STREAMS = quotas(
    Limits(requests_per_minute=60, tokens_per_minute=9000, tokens_per_day=100_000, streams=4), Limits()
)
STANDING = [
    Left(REQUESTS, 59, more_s=60.2, full_s=60.2),
    Left(TOKENS, 8000, more_s=12.5, full_s=58.1),
    Left(DAY, 100_000),
    Left(STREAMS, 3),
]
REFUSED = [
    Left(REQUESTS, 0, more_s=2.5, full_s=60.2, wait_s=2.5),
    Left(TOKENS, 8000, more_s=12.5, full_s=58.1),
]


def test_where_there_are_no_limits_nothing_is_said() -> None:
    assert rate_limit.fields([], openai=True) == {}


def test_policies_and_what_is_left_are_structured_fields() -> None:
    assert rate_limit.fields(STANDING, openai=False) == {
        "ratelimit-policy": '"requests";q=60;w=60, "tokens";q=9000;qu="tokens";w=60, '
        '"tokens-per-day";q=100000;qu="tokens";w=86400, "streams";q=4;qu="concurrent-requests"',
        "ratelimit": '"requests";r=59;t=61, "tokens";r=8000;t=13, "tokens-per-day";r=100000, "streams";r=3',
    }


def test_what_openai_says_is_said_of_each_minute() -> None:
    fields = rate_limit.fields(STANDING, openai=True)
    assert {name: value for name, value in fields.items() if name.startswith("x-")} == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-limit-tokens": "9000",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-remaining-tokens": "8000",
        "x-ratelimit-reset-requests": "1m1s",
        "x-ratelimit-reset-tokens": "59s",
    }
    assert sorted(rate_limit.OPENAI_HEADERS) == sorted(name for name in fields if name.startswith("x-"))


def test_who_was_refused_is_told_no_time_behind_the_one_to_come_back_at() -> None:
    assert rate_limit.fields(REFUSED, openai=False)["ratelimit"] == '"requests";r=0;t=3, "tokens";r=8000'
    assert rate_limit.retry_after_s(REFUSED) == 3


def test_who_was_refused_waits_for_a_second_at_least() -> None:
    assert rate_limit.retry_after_s([Left(REQUESTS, 0, wait_s=0.001)]) == 1


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (0.0005, "1ms"), (0.85, "850ms"), (1, "1s"), (59.2, "1m0s"), (360, "6m0s"), (86_400, "1440m0s")],
)
def test_a_duration_is_written_as_openai_does(seconds: float, expected: str) -> None:
    assert rate_limit.duration(seconds) == expected
