"""What only OpenAI's own Python SDK can ask of the running pair. Streams and their ends: see the folder clients."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.support import processes

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@contextmanager
def sdk(worker_options: str = "tokens_per_second=0,tokens=40") -> Iterator[OpenAI]:
    """The SDK, on an edge and a worker with these options of the scripted engine."""
    with (
        processes.worker(WORKER_ENGINE_OPTIONS=worker_options) as (worker, _),
        processes.edge(worker) as (address, _),
        OpenAI(base_url=f"http://{address}/v1", api_key="x", max_retries=0) as client,
    ):
        yield client


def streamed(client: OpenAI, **fields: object) -> str:
    """The text of a streamed chat."""
    chunks = client.chat.completions.create(model="scripted", messages=HELLO, stream=True, **fields)  # type: ignore[call-overload]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_streamed_and_whole_the_text_is_the_same() -> None:
    with sdk() as client:
        whole = client.chat.completions.create(model="scripted", messages=HELLO, seed=3)
        assert streamed(client, seed=3) == whole.choices[0].message.content
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage
        assert whole.usage.completion_tokens == 40


def test_completions_stream() -> None:
    with sdk() as client:
        chunks = client.completions.create(model="scripted", prompt="Once", stream=True, max_tokens=7)
        said = list(chunks)
    assert len("".join(chunk.choices[0].text for chunk in said).split()) >= 1
    assert said[-1].choices[0].finish_reason == "length"


def test_several_answers_and_their_usage() -> None:
    with sdk() as client:
        chunks = list(
            client.chat.completions.create(
                model="scripted", messages=HELLO, stream=True, n=3, seed=1, stream_options={"include_usage": True}
            )
        )
    reasons = {choice.index: choice.finish_reason for chunk in chunks for choice in chunk.choices}
    assert reasons == {0: "stop", 1: "stop", 2: "stop"}
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 120
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stop_string_is_found_across_tokens_and_outside_ascii() -> None:
    with sdk("tokens_per_second=0,tokens=200") as client:
        text = streamed(client, seed=3)
        across = text[20:29]
        assert " " in across.strip()
        assert streamed(client, seed=3, stop=across) == text[: text.index(across)]
        unicode = next(word for word in text.split() if not word.isascii())
        assert streamed(client, seed=3, stop=[unicode]) == text[: text.index(unicode)]


def test_models_are_listed() -> None:
    with sdk() as client:
        assert [model.id for model in client.models.list()] == ["scripted"]
        assert client.models.retrieve("scripted").owned_by == "scripted"


def test_what_is_wrong_raises_as_openais_service_has_it() -> None:
    with sdk() as client:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="gpt-0", messages=HELLO, stream=True)
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as wrong:
            client.chat.completions.create(model="scripted", messages=HELLO, temperature=9)
        assert wrong.value.param == "temperature"


def test_reasoning_is_apart_from_the_answer() -> None:
    with sdk("tokens_per_second=0,tokens=9,reasoning=4") as client:
        whole = client.chat.completions.create(model="scripted", messages=HELLO).choices[0].message
        chunks = list(client.chat.completions.create(model="scripted", messages=HELLO, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert (len(thought.split()), thought) == (4, getattr(whole, "reasoning_content", None))
    assert "".join(delta.content or "" for delta in deltas) == whole.content


def test_tool_calls_stream_in_fragments_and_come_whole() -> None:
    tools: list[ChatCompletionToolParam] = [{"type": "function", "function": {"name": "find"}}]
    with sdk("tokens_per_second=200,tool_call=true") as client:
        whole = client.chat.completions.create(model="scripted", messages=HELLO, tools=tools)
        with client.chat.completions.stream(model="scripted", messages=HELLO, tools=tools) as stream:
            fragments = sum(event.type == "tool_calls.function.arguments.delta" for event in stream)
            final = stream.get_final_completion()
    for choice in (whole.choices[0], final.choices[0]):
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == ("find", {"query": "Hello"})
    assert fragments > 1


def test_tools_for_a_model_without_them_are_refused_by_name() -> None:
    with sdk() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="scripted", messages=HELLO, tools=[{"type": "function", "function": {"name": "find"}}]
        )
    assert caught.value.param == "tools"
