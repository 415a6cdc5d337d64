import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_worker.engines.script import WORDS, Options, Script, parse_options, script
from inference_worker.label import ANSWER, Channel, Label
from inference_worker.request import Message, Request
from inference_worker.status import Code, Refused


def play(request: Request, **options: Any) -> Script:
    return script(request, Options(**options))


def chat(text: str, **fields: Any) -> Request:
    return Request(messages=(Message("user", text),), **fields)


@given(prompt=st.text(), seed=st.integers(0, 2**32 - 1), index=st.integers(0, 2**40))
def test_a_token_depends_on_prompt_seed_and_index_alone(prompt: str, seed: int, index: int) -> None:
    one = play(chat(prompt, seed=seed))
    other = play(chat(prompt, seed=seed, max_tokens=3, first_index=7, continued_text="so far"))
    one.token(0)
    assert one.token(index) == other.token(index)
    assert one.token(index)[:1] == " "
    assert one.token(index)[1:] in WORDS


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(chat("Hello!"), id="prompt"),
        pytest.param(chat("Hello", seed=1), id="seed"),
        pytest.param(Request(messages=(Message("system", "Hello"),)), id="role"),
        pytest.param(Request(raw_prompt="Hello"), id="no chat"),
    ],
)
def test_another_request_has_another_text(other: Request) -> None:
    one = play(chat("Hello"))
    assert [one.token(index) for index in range(20)] != [play(other).token(index) for index in range(20)]


def test_no_seed_is_seed_0() -> None:
    assert play(chat("Hello")).token(3) == play(chat("Hello", seed=0)).token(3)


def test_a_text_is_of_many_words_and_not_of_ascii_alone() -> None:
    words = {play(chat("Hello")).token(index) for index in range(500)}
    assert len(words) > len(WORDS) / 2
    assert any(len(character.encode()) == 4 for word in words for character in word)


def test_options_are_put_over_the_defaults() -> None:
    given_ = {"tokens": "7", "tokens_per_second": "2.5", "stamp": "true", "fail_at": "-1"}
    defaults = Options(first_token_delay_ms=3, fail_at=2, tokens=1)
    expected = Options(first_token_delay_ms=3, fail_at=-1, tokens=7, tokens_per_second=2.5, stamp=True)
    assert parse_options(given_, defaults) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("tokens", "many"),
        ("tokens", "1.5"),
        ("tokens", ""),
        ("tokens", "-2"),
        ("tokens", "1000000001"),
        ("tokens_per_second", "nan"),
        ("tokens_per_second", "inf"),
        ("stamp", "yes"),
        ("stamp", "True"),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_options({"first_token_delay_ms": "1", name: value}, Options())
    assert refused.value.failed.code is Code.INVALID_ARGUMENT
    assert refused.value.failed.field == f"engine_options.{name}"


def whole(played: Script) -> str:
    return "".join(map(played.token, range(played.tokens)))


@given(said=st.text(min_size=1))
def test_an_echo_is_what_was_said_last(said: str) -> None:
    turns = (Message("user", "first"), Message("user", said))
    assert whole(play(Request(messages=turns), echo=True)) == said
    assert whole(play(Request(raw_prompt=said), echo=True)) == said


def test_reasoning_comes_before_the_answer() -> None:
    played = play(chat("Hello"), reasoning=5, tokens=9)
    assert played.labels == {0: Label(Channel.REASONING), 5: ANSWER}
    assert played.tokens == 9
    assert play(chat("Hello")).labels == {}


def test_a_reference_to_media_comes_before_the_answer() -> None:
    played = play(chat("Hello"), media="https://x.example/owl.png", tokens=3)
    assert played.labels == {0: Label(Channel.MEDIA), 1: ANSWER}
    assert json.loads(played.token(0)) == {"url": "https://x.example/owl.png", "mediaType": "image/png"}
    assert played.token(1) == play(chat("Hello"), tokens=3).token(1)


def test_a_tool_call_has_arguments_that_are_json() -> None:
    tools = [{"type": "function", "function": {"name": "find"}}]
    played = play(chat("a 猫", extras={"tools": tools}), tool_call=True)
    assert json.loads(whole(played)) == {"query": "a 猫"}
    assert played.finish_reason == "tool_calls"
    (label,) = played.labels.values()
    assert label.tool_call
    assert label.tool_call.name == "find"
    assert label.tool_call.index == 0


@pytest.mark.parametrize("tools", [None, 3, [], [{}], {"function": {}}])
def test_a_script_has_a_tool_of_its_own(tools: Any) -> None:
    (label,) = play(chat("x", extras={"tools": tools}), tool_call=True).labels.values()
    assert label.tool_call
    assert label.tool_call.name == "look_up"


def test_a_text_is_played_as_it_is() -> None:
    assert whole(play(chat("Hello"), text="It is 4.\n")) == "It is 4.\n"


def test_options_count_for_the_stage_and_turn_that_they_name() -> None:
    given = {
        "verifier.2.text": "ACCEPT",
        "verifier.text": "OBJECT",
        "verifier.2.tokens": "2",
        "text": "Hm",
        "tokens": "9",
        "planner.tokens": "5",
    }
    assert parse_options(given, Options()) == Options(text="Hm", tokens=9)
    for stage, turn, expected in (
        ("planner", 1, Options(text="Hm", tokens=5)),
        ("verifier", 1, Options(text="OBJECT", tokens=9)),
        ("verifier", 2, Options(text="ACCEPT", tokens=2)),
        ("executor", 2, Options(text="Hm", tokens=9)),
    ):
        assert parse_options(given, Options(), stage=stage, turn=turn) == expected


@pytest.mark.parametrize("name", ["verifier.colour", "verifier.2.", ".", "verifier."])
def test_a_wrong_option_of_a_stage_is_refused_whichever_asks(name: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_options({name: "1"}, Options(), stage="planner", turn=1)
    assert refused.value.failed.field == f"engine_options.{name}"
