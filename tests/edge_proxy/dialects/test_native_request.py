import re
from typing import Any

import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.native_request import GenerateBody, GenerateQuery, parse_body, parse_query

WINDOW_S = 30.0
PROMPT = {"prompt": "x"}
TURN = {"role": "user", "content": "Hi"}
NAN, INFINITE = float("nan"), float("inf")


def body(data: dict[str, Any]) -> GenerationRequest:
    return parse_body(data, resume_window_s=WINDOW_S)


def query(data: dict[str, str]) -> GenerationRequest:
    return parse_query(data, resume_window_s=WINDOW_S)


def refusal_of_body(data: dict[str, Any]) -> Failure:
    with pytest.raises(Refused) as caught:
        body(data)
    return caught.value.failure


def refusal_of_query(data: dict[str, str]) -> Failure:
    with pytest.raises(Refused) as caught:
        query(data)
    return caught.value.failure


def test_what_is_left_open_stays_open() -> None:
    assert body(PROMPT) == GenerationRequest(prompt="x")


def test_every_field_of_a_body_is_taken() -> None:
    data = {
        "model": "tiny",
        "prompt": "Once",
        "raw_prompt": True,
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 2**32 - 1,
        "stop": ["\n", "END"],
        "min_chunk_chars": 4096,
        "timeout_s": 2.5,
        "first_token_timeout_s": 1,
        "gap_timeout_s": 0.5,
        "batch_interval_ms": 20,
        "session": "a",
        "resumable": True,
        "stream": True,
        "engine_options": {"tokens": 5, "speed": 2.5, "stamp": True, "off": False, "name": "x"},
    }
    assert set(data) | {"messages"} == set(GenerateBody.model_fields)
    assert body(data) == GenerationRequest(
        model="tiny",
        prompt="Once",
        raw_prompt=True,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        seed=2**32 - 1,
        stop=("\n", "END"),
        min_chunk_chars=4096,
        timeout_s=2.5,
        first_token_timeout_s=1,
        gap_timeout_s=0.5,
        batch_interval_s=0.02,
        session="a",
        resume_window_s=WINDOW_S,
        engine_options={"tokens": "5", "speed": "2.5", "stamp": "true", "off": "false", "name": "x"},
    )


def test_every_field_of_a_query_is_taken() -> None:
    data = {
        "model": "tiny",
        "prompt": "Once",
        "raw_prompt": "true",
        "max_tokens": "7",
        "temperature": "0.5",
        "top_p": "0.9",
        "seed": "3",
        "stop": "END",
        "min_chunk_chars": "8",
        "timeout_s": "2.5",
        "first_token_timeout_s": "1",
        "gap_timeout_s": "0.5",
        "batch_interval_ms": "0",
        "session": "a",
        "resumable": "true",
        "stream": "true",
    }
    assert set(data) == set(GenerateQuery.model_fields)
    assert query(data) == GenerationRequest(
        model="tiny",
        prompt="Once",
        raw_prompt=True,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        seed=3,
        stop=("END",),
        min_chunk_chars=8,
        timeout_s=2.5,
        first_token_timeout_s=1,
        gap_timeout_s=0.5,
        batch_interval_s=0.0,
        session="a",
        resume_window_s=WINDOW_S,
    )


def test_messages_keep_their_order() -> None:
    turns = [{"role": "system", "content": ""}, TURN, {"role": "assistant", "content": "Yes?"}]
    expected = (Message("system", ""), Message("user", "Hi"), Message("assistant", "Yes?"))
    assert body({"messages": turns}).messages == expected


@pytest.mark.parametrize(
    ("data", "attribute", "value"),
    [
        pytest.param({"stop": "END"}, "stop", ("END",), id="one stop string"),
        pytest.param({"stop": []}, "stop", (), id="no stop strings"),
        pytest.param({"stop": ["x" * 256] * 16}, "stop", ("x" * 256,) * 16, id="as many and long stops as can be"),
        pytest.param({"batch_interval_ms": 0}, "batch_interval_s", 0.0, id="batching off"),
        pytest.param({"temperature": 1}, "temperature", 1.0, id="a whole number"),
        pytest.param({"temperature": 0}, "temperature", 0.0, id="temperature zero"),
        pytest.param({"max_tokens": 1_000_000}, "max_tokens", 1_000_000, id="as many tokens as can be"),
        pytest.param({"resumable": False}, "resume_window_s", 0.0, id="not resumable"),
        pytest.param({"prompt": "é\n🦉\u2028"}, "prompt", "é\n🦉\u2028", id="text that is not ASCII"),
        pytest.param({"max_tokens": None, "stop": None, "messages": None}, "max_tokens", None, id="null is absent"),
    ],
)
def test_what_can_be_asked_for(data: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(body(PROMPT | data), attribute) == value


BAD_BODIES = [
    pytest.param({}, "prompt", id="no prompt"),
    pytest.param({"prompt": ""}, "prompt", id="empty prompt"),
    pytest.param({"prompt": None}, "prompt", id="null prompt"),
    pytest.param({"prompt": 5}, "prompt", id="prompt of a wrong type"),
    pytest.param({"prompt": ["x"]}, "prompt", id="prompt as a list"),
    pytest.param({"prompt": "a\0b"}, "prompt", id="prompt with NUL"),
    pytest.param({"prompt": "a\ud800b"}, "prompt", id="prompt with a lone surrogate"),
    pytest.param(PROMPT | {"messages": [TURN]}, "prompt", id="both prompt and messages"),
    pytest.param({"messages": []}, "messages", id="no messages"),
    pytest.param({"messages": [TURN] * 1001}, "messages", id="too many messages"),
    pytest.param({"messages": TURN}, "messages", id="messages of a wrong type"),
    pytest.param({"messages": ["Hi"]}, "messages[0]", id="message of a wrong type"),
    pytest.param({"messages": [TURN, {"role": "robot", "content": "x"}]}, "messages[1].role", id="unknown role"),
    pytest.param({"messages": [{"role": "\ud800", "content": "x"}]}, "messages[0].role", id="unreadable role"),
    pytest.param({"messages": [{"content": "x"}]}, "messages[0].role", id="no role"),
    pytest.param({"messages": [TURN, {"role": "user"}]}, "messages[1].content", id="no content"),
    pytest.param({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", id="content of a wrong type"),
    pytest.param({"messages": [{"role": "user", "content": "\0"}]}, "messages[0].content", id="content with NUL"),
    pytest.param({"messages": [{"role": "user", "content": "\udfff"}]}, "messages[0].content", id="content unreadable"),
    pytest.param({"messages": [TURN | {"name": "Ada"}]}, "messages[0].name", id="unknown field of a message"),
    pytest.param(PROMPT | {"max_tokens": 0}, "max_tokens", id="max_tokens 0"),
    pytest.param(PROMPT | {"max_tokens": -1}, "max_tokens", id="max_tokens -1"),
    pytest.param(PROMPT | {"max_tokens": 10**12}, "max_tokens", id="max_tokens a million million"),
    pytest.param(PROMPT | {"max_tokens": 1e12}, "max_tokens", id="max_tokens 1e12"),
    pytest.param(PROMPT | {"max_tokens": 10**100}, "max_tokens", id="max_tokens of a hundred digits"),
    pytest.param(PROMPT | {"max_tokens": "5"}, "max_tokens", id="max_tokens as text"),
    pytest.param(PROMPT | {"max_tokens": True}, "max_tokens", id="max_tokens as a truth value"),
    pytest.param(PROMPT | {"temperature": NAN}, "temperature", id="temperature NaN"),
    pytest.param(PROMPT | {"temperature": INFINITE}, "temperature", id="temperature infinite"),
    pytest.param(PROMPT | {"temperature": -0.1}, "temperature", id="temperature below 0"),
    pytest.param(PROMPT | {"temperature": 2.1}, "temperature", id="temperature above 2"),
    pytest.param(PROMPT | {"temperature": 10**400}, "temperature", id="temperature beyond floats"),
    pytest.param(PROMPT | {"top_p": 0}, "top_p", id="top_p 0"),
    pytest.param(PROMPT | {"top_p": 1.01}, "top_p", id="top_p above 1"),
    pytest.param(PROMPT | {"top_p": NAN}, "top_p", id="top_p NaN"),
    pytest.param(PROMPT | {"seed": -1}, "seed", id="seed below 0"),
    pytest.param(PROMPT | {"seed": 2**32}, "seed", id="seed too large"),
    pytest.param(PROMPT | {"min_chunk_chars": 4097}, "min_chunk_chars", id="min_chunk_chars too large"),
    pytest.param(PROMPT | {"timeout_s": 0}, "timeout_s", id="no time at all"),
    pytest.param(PROMPT | {"timeout_s": INFINITE}, "timeout_s", id="time without end"),
    pytest.param(PROMPT | {"timeout_s": NAN}, "timeout_s", id="timeout NaN"),
    pytest.param(PROMPT | {"batch_interval_ms": -1}, "batch_interval_ms", id="batch interval below 0"),
    pytest.param(PROMPT | {"batch_interval_ms": 1001}, "batch_interval_ms", id="batch interval too long"),
    pytest.param(PROMPT | {"raw_prompt": 1}, "raw_prompt", id="raw_prompt of a wrong type"),
    pytest.param(PROMPT | {"resumable": "yes"}, "resumable", id="resumable of a wrong type"),
    pytest.param(PROMPT | {"stream": False}, "stream", id="not streamed"),
    pytest.param(PROMPT | {"model": 5}, "model", id="model of a wrong type"),
    pytest.param(PROMPT | {"model": "\ud800"}, "model", id="model unreadable"),
    pytest.param(PROMPT | {"stop": ""}, "stop", id="empty stop string"),
    pytest.param(PROMPT | {"stop": ["a", ""]}, "stop", id="an empty stop string among others"),
    pytest.param(PROMPT | {"stop": "x" * 257}, "stop", id="stop string too long"),
    pytest.param(PROMPT | {"stop": ["x"] * 17}, "stop", id="too many stop strings"),
    pytest.param(PROMPT | {"engine_options": []}, "engine_options", id="options of a wrong type"),
    pytest.param(
        PROMPT | {"engine_options": dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFG", 1)},
        "engine_options",
        id="too many options",
    ),
    pytest.param(PROMPT | {"engine_options": {"a": None}}, "engine_options.a", id="null option"),
    pytest.param(PROMPT | {"engine_options": {"a": NAN}}, "engine_options.a", id="option NaN"),
    pytest.param(PROMPT | {"engine_options": {"a": "\0"}}, "engine_options.a", id="option with NUL"),
    pytest.param(PROMPT | {"nonsense": 1}, "nonsense", id="unknown field"),
    pytest.param(PROMPT | {"n" * 300: 1}, "n" * 100, id="unknown field of a long name"),
    pytest.param(PROMPT | {"Prompt": "x"}, "Prompt", id="field in another case"),
    pytest.param(PROMPT | {"\ud800": 1}, "\ud800", id="unknown field that is unreadable"),
]


@pytest.mark.parametrize(("data", "field"), BAD_BODIES)
def test_a_bad_field_of_a_body_is_named(data: dict[str, Any], field: str) -> None:
    failure = refusal_of_body(data)
    assert failure.code is Code.INVALID_REQUEST
    assert failure.wrong_field == field
    assert failure.message[0].isupper()
    assert failure.message.endswith(".")


@pytest.mark.parametrize("stop", [5, ["a", 5], "\0", ["\ud800"]], ids=["number", "of numbers", "NUL", "unreadable"])
def test_a_bad_stop_string_is_named(stop: object) -> None:
    assert re.fullmatch(r"stop(\[\d+\])?", refusal_of_body(PROMPT | {"stop": stop}).wrong_field)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param({}, "prompt", id="no prompt"),
        pytest.param({"prompt": ""}, "prompt", id="empty prompt"),
        pytest.param({"prompt": "a\0"}, "prompt", id="prompt with NUL"),
        pytest.param(PROMPT | {"max_tokens": "many"}, "max_tokens", id="no number"),
        pytest.param(PROMPT | {"max_tokens": "0"}, "max_tokens", id="max_tokens 0"),
        pytest.param(PROMPT | {"max_tokens": "1" * 5_000}, "max_tokens", id="a number of thousands of digits"),
        pytest.param(PROMPT | {"temperature": "nan"}, "temperature", id="NaN"),
        pytest.param(PROMPT | {"temperature": "inf"}, "temperature", id="infinite"),
        pytest.param(PROMPT | {"temperature": "1e999"}, "temperature", id="beyond floats"),
        pytest.param(PROMPT | {"resumable": "perhaps"}, "resumable", id="no truth value"),
        pytest.param(PROMPT | {"stream": "false"}, "stream", id="not streamed"),
        pytest.param(PROMPT | {"stop": ""}, "stop", id="empty stop string"),
        pytest.param(PROMPT | {"messages": "[]"}, "messages", id="messages can not be here"),
        pytest.param(PROMPT | {"last": "1"}, "last", id="unknown field"),
    ],
)
def test_a_bad_field_of_a_query_is_named(data: dict[str, str], field: str) -> None:
    failure = refusal_of_query(data)
    assert failure.code is Code.INVALID_REQUEST
    assert failure.wrong_field == field
