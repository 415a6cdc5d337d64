import json

import pytest

from bench.loads import Load


@pytest.mark.parametrize(
    ("text", "ramp_s", "seconds"),
    [("1x50", 2, 10), ("500x100", 2, 10), ("1000x25", 2, 10), ("2000x40", 4, 10), ("5000x10", 20, 30)],
)
def test_streams_decide_the_ramp_and_outlive_it(text: str, ramp_s: float, seconds: float) -> None:
    load = Load.parse(text)
    assert (load.ramp_s, load.seconds) == (ramp_s, seconds)


def test_shorter_lives_are_still_longer_than_the_ramp() -> None:
    assert Load.parse("300x25", seconds=4).seconds == 4
    assert Load.parse("2000x25", seconds=4).seconds == 6


def test_text_is_what_was_parsed() -> None:
    assert Load.parse("1000x25").text == "1000x25"
    assert str(Load.parse("1000x25")) == "1,000 x 25"


@pytest.mark.parametrize("text", ["", "1000", "1000x", "x25", "1000x25x3", "0x25", "10x0", "axb"])
def test_what_is_no_load_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whoever asked knows what it was
        Load.parse(text)


def test_the_body_asks_for_all_tokens_of_a_stream() -> None:
    body = json.loads(Load.parse("10x25", seconds=4).body)
    assert body["engine_options"] == {"tokens": "100", "tokens_per_second": "25", "stamp": "true"}
