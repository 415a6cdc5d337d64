import json
from typing import Any

import pytest

from edge_proxy.core.errors import Code, Refused
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.openai import CHAT, COMPLETION
from edge_proxy.dialects.openai_request import parse_chat, parse_completion

HELLO = [{"role": "user", "content": "Hello"}]


def chat(**fields: Any) -> GenerationRequest:
    """The first choice of a chat with these fields."""
    return parse_chat({"model": "tiny", "messages": HELLO} | fields).choices[0]


def wrong_field(**fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        chat(**fields)
    assert caught.value.failure.code is Code.INVALID_REQUEST
    return caught.value.failure.wrong_field


def test_a_chat_needs_a_model_and_messages() -> None:
    asked = parse_chat({"model": "tiny", "messages": HELLO})
    assert (asked.shape, asked.model, asked.stream, asked.include_usage) == (CHAT, "tiny", False, False)
    assert asked.choices == (GenerationRequest(model="tiny", messages=(Message("user", "Hello"),)),)


def test_a_completion_goes_on_with_raw_text() -> None:
    asked = parse_completion({"model": "tiny", "prompt": "Once", "stream": True, "max_tokens": 5})
    assert (asked.shape, asked.stream) == (COMPLETION, True)
    assert asked.choices == (GenerationRequest(model="tiny", prompt="Once", raw_prompt=True, max_tokens=5),)


def test_sampling_is_handed_on() -> None:
    request = chat(temperature=0.5, top_p=0.9, seed=7, stop=["a", "b"], max_tokens=3)
    assert (request.temperature, request.top_p, request.seed, request.stop) == (0.5, 0.9, 7, ("a", "b"))
    assert request.max_tokens == 3
    assert chat(max_tokens=3, max_completion_tokens=4).max_tokens == 4
    assert chat(stop="x").stop == ("x",)
    assert chat(seed=-1).seed == 2**32 - 1


def test_several_choices_differ_in_their_seed_if_there_is_one() -> None:
    asked = parse_chat({"model": "tiny", "messages": HELLO, "n": 3, "seed": 2**32 - 1})
    assert [choice.seed for choice in asked.choices] == [2**32 - 1, 0, 1]
    assert {choice.seed for choice in parse_chat({"model": "tiny", "messages": HELLO, "n": 3}).choices} == {None}


def test_stream_options_are_understood() -> None:
    asked = parse_chat({"model": "t", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}})
    assert asked.include_usage


def test_content_can_be_parts_of_text_and_a_developer_is_a_system() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": parts, "name": "Mia"}]
    request = chat(messages=[*messages, {"role": "assistant", "content": None}])
    assert request.messages == (
        Message("system", "Be kind."),
        Message("user", "Hello", name="Mia"),
        Message("assistant", ""),
    )


def test_what_is_not_known_is_ignored() -> None:
    assert chat(user="me", store=True, metadata={"a": 1}) == chat()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "owl", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "\0"}]}, "messages[0].content"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": ""}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"logprobs": True}, "logprobs"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], name: str) -> None:
    assert wrong_field(**fields) == name


@pytest.mark.parametrize("fields", [{"logprobs": 0}, {"echo": True}, {"prompt": ["a", "b"]}, {"prompt": ""}])
def test_a_completion_refuses_what_it_can_not_do(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        parse_completion({"model": "tiny", "prompt": "x"} | fields)
    assert caught.value.failure.wrong_field == next(iter(fields))


TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {}}}]


def test_tools_and_penalties_are_passed_on_as_they_are() -> None:
    given = {
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "find"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "presence_penalty": 0.5,
        "logit_bias": {"50": -100},
    }
    extras = {name: json.loads(text) for name, text in chat(**given).extras.items()}
    assert extras == given


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tools": None, "tool_choice": "none", "parallel_tool_calls": True},
        {"response_format": {"type": "text"}},
        {"presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}},
    ],
)
def test_what_says_no_more_than_its_absence_is_not_passed_on(fields: dict[str, Any]) -> None:
    assert chat(**fields).extras == {}


def test_a_conversation_can_hold_calls_and_their_results() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]
    turns = [
        {"role": "user", "content": "Hello", "name": "Ada"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]
    assert parse_chat({"model": "tiny", "messages": turns}).choices[0].messages == (
        Message("user", "Hello", name="Ada"),
        Message("assistant", "", json.dumps(calls)),
        Message("tool", "42", tool_call_id="c1"),
    )


@pytest.mark.parametrize("fields", [{"tools": "find"}, {"tools": ["find"]}, {"presence_penalty": 3}, {"logit_bias": 1}])
def test_wrong_extras_are_named(fields: dict[str, Any]) -> None:
    assert wrong_field(**fields).startswith(next(iter(fields)))


def test_requests_with_one_cache_key_are_one_session() -> None:
    assert chat(prompt_cache_key="k").session == "k"
    assert chat(prompt_cache_key=None).session == ""
