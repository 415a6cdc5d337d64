"""The engine before a service that says what a test wrote. Real services: tests/end_to_end/test_openai_engine.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from inference_worker.engines.base import Finish
from inference_worker.engines.config import Upstream
from inference_worker.engines.openai import PATIENCE_S, OpenAIEngine
from inference_worker.request import Message, Request
from inference_worker.status import Code, Failed, Refused
from tests.inference_worker.engines.list_sink import ListSink
from tests.inference_worker.registries import ending_of, eventually, make_registry, start
from tests.support.canned_service import CUT, DONE, HANG, STOP, USAGE, CannedService, answer, said

HELLO = (Message("system", "Be brief."), Message("user", "Hello"))
FINE = answer(said("Hel"), said("lo"), STOP, USAGE, DONE)


@asynccontextmanager
async def engine(*answers: list[bytes], **changes: Any) -> AsyncIterator[tuple[OpenAIEngine, CannedService]]:
    """An engine whose service gives these answers."""
    async with CannedService(list(answers) or [FINE]) as service:
        upstream = Upstream(service.url, "", 2, 1, 5.0, streams=True, continues=False)._replace(**changes)
        made = OpenAIEngine(["small", "large"], upstream)
        try:
            yield made, service
        finally:
            await made.close()


async def play(made: OpenAIEngine, **fields: Any) -> tuple[ListSink, Finish]:
    sink = ListSink()
    run = await made.prepare(Request(**{"messages": HELLO} | fields))
    finish = await run.play(sink)
    run.drop()
    return sink, finish


async def test_a_chat_is_asked_for_as_services_want_it() -> None:
    extras = {"tools": [{"type": "function"}], "presence_penalty": 0.5}
    async with engine() as (made, service):
        sink, finish = await play(
            made, max_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=tuple("abcdef"), extras=extras
        )
    assert (sink.text, finish) == ("Hello", Finish("stop", 3, 7))
    assert service.requests == [
        (
            "/v1/chat/completions",
            {
                "model": "small",
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
                "max_tokens": 9,
                "temperature": 0.5,
                "top_p": 0.9,
                "seed": 3,
                "stop": ["a", "b", "c", "d"],
                "stream": True,
                "stream_options": {"include_usage": True},
                **extras,
            },
        )
    ]


async def test_what_is_not_given_is_not_said() -> None:
    async with engine() as (made, service):
        await play(made, model="large")
    assert set(service.requests[0][1]) == {"model", "messages", "stream", "stream_options"}
    assert service.requests[0][1]["model"] == "large"


async def test_raw_text_is_a_completion() -> None:
    async with engine() as (made, service):
        await play(made, messages=(), raw_prompt="Once")
    path, body = service.requests[0]
    assert (path, body["prompt"]) == ("/v1/completions", "Once")


async def test_calls_and_results_are_told() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    turns = (Message("assistant", "", (call,)), Message("tool", "42", tool_call_id="c1", name="find"))
    async with engine() as (made, service):
        await play(made, messages=turns)
    assert service.requests[0][1]["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "find"},
    ]


async def test_the_key_is_told() -> None:
    async with engine(key="sk-1") as (made, service):
        await play(made)
    assert service.headers[0]["authorization"] == "Bearer sk-1"


async def test_a_text_is_gone_on_with_where_the_service_can() -> None:
    async with engine(continues=True) as (made, service):
        await play(made, continued_text="Once", first_index=4, max_tokens=10)
        await play(made, messages=(), raw_prompt="A tale. ", continued_text="Once", first_index=4)
    chat, completion = (body for _, body in service.requests)
    assert chat["messages"][-1] == {"role": "assistant", "content": "Once"}
    assert (chat["continue_final_message"], chat["add_generation_prompt"], chat["max_tokens"]) == (True, False, 6)
    assert completion["prompt"] == "A tale. Once"
    assert [model.supports_continue for model in made.models] == [True, True]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"continued_text": "Once"}, "continuation"),
        ({"engine_options": {"colour": "red"}}, "engine_options.colour"),
    ],
)
async def test_what_it_can_not_do_is_refused_and_nothing_is_asked(fields: dict[str, Any], field: str) -> None:
    async with engine() as (made, service):
        with pytest.raises(Refused) as refused:
            await play(made, **fields)
        assert refused.value.failed.field == field
        assert service.requests == []


async def test_a_service_that_answers_in_one_piece_gives_one_delta() -> None:
    whole = b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    async with engine(answer(whole, media_type="application/json"), streams=False) as (made, service):
        sink, finish = await play(made)
    assert (sink.tokens, finish) == (["Hello"], Finish("stop", 3, None))
    assert service.requests[0][1]["stream"] is False


async def test_what_the_service_refuses_is_refused_before_the_start() -> None:
    async with engine(answer(b"{}", status="429 Too Many")) as (made, _):
        registry = make_registry(made)
        with pytest.raises(Refused) as refused:
            await registry.start(Request(messages=HELLO))
        assert refused.value.failed.code is Code.RESOURCE_EXHAUSTED
        assert registry.running == 0
        assert made.troubles == {"refused": 1}


async def test_a_service_that_thinks_for_long_has_begun_and_may_refuse_late() -> None:
    late = [b"", HANG]
    async with engine(late) as (made, service):
        begin = asyncio.get_running_loop().time()
        generation = await start(registry := make_registry(made), Request(messages=HELLO))
        assert asyncio.get_running_loop().time() - begin < PATIENCE_S + 1
        registry.cancel(generation.id)
        await eventually(lambda: service.open == 0)


@pytest.mark.parametrize(
    ("pieces", "code", "trouble"),
    [
        pytest.param([said("Hel")], Code.INTERNAL, "cut", id="no finish reason"),
        pytest.param([said("Hel"), DONE], Code.INTERNAL, "cut", id="done without one"),
        pytest.param([said("Hel"), CUT], Code.INTERNAL, "broken", id="cut"),
        pytest.param([said("Hel"), b"data: {\n\n"], Code.INTERNAL, "unreadable", id="garbage"),
        pytest.param(
            [said("Hel"), b'data: {"error":{"code":429}}\n\n'], Code.RESOURCE_EXHAUSTED, "refused", id="error"
        ),
        pytest.param([said("Hel"), HANG], Code.DEADLINE_EXCEEDED, "timeout", id="silence"),
    ],
)
async def test_a_stream_that_does_not_end_well_fails_behind_its_text(
    pieces: list[bytes], code: Code, trouble: str
) -> None:
    async with engine(answer(*pieces), timeout_s=0.2) as (made, service):
        registry = make_registry(made)
        generation = await start(registry, Request(messages=HELLO))
        ending = await ending_of(generation)
        assert isinstance(ending, Failed)
        assert ending.code is code
        assert generation.log.read(0, max_chars=99)[0] == "Hel"
        assert len(service.requests) == 1
        assert made.troubles == {trouble: 1}


async def test_cancelling_closes_the_connection() -> None:
    async with engine(answer(said("Hel"), HANG)) as (made, service):
        registry = make_registry(made)
        generation = await start(registry, Request(messages=HELLO))
        await eventually(lambda: generation.log.chars)
        registry.cancel(generation.id)
        await eventually(lambda: service.open == 0)


async def test_a_stop_string_closes_the_connection_and_is_a_stop() -> None:
    async with engine(answer(said("Hel"), said("lo"), HANG)) as (made, service):
        generation = await start(make_registry(made), Request(messages=HELLO, stop=("ll",)))
        ending = await ending_of(generation)
        assert (ending.finish_reason, generation.log.read(0, max_chars=9)[0]) == ("stop", "He")  # type: ignore[union-attr]  # Finished
        await eventually(lambda: service.open == 0)


async def test_answers_that_end_share_a_connection() -> None:
    async with engine() as (made, service):
        for _ in range(3):
            await play(made)
            await eventually(lambda: not made._closing)
        assert service.connections == 1


async def test_models_are_asked_for_where_none_are_named() -> None:
    listed = answer(b'{"data":[{"id":"tiny"},{"id":"huge"}]}', media_type="application/json")
    async with CannedService([listed]) as service:
        upstream = Upstream(service.url + "/", "", 2, 1, 5.0, streams=True, continues=False)
        made = await asyncio.to_thread(OpenAIEngine, [], upstream)
        await made.close()
    assert [model.name for model in made.models] == ["tiny", "huge"]
    assert service.requests[0][0] == "/v1/models"
