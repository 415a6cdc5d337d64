import json
from typing import Any

import pytest

from inference_worker.engines.base import Finish
from inference_worker.engines.openai_replies import Reply, refusal
from inference_worker.label import ANSWER, Channel
from inference_worker.status import Code, EngineError, Refused
from tests.inference_worker.engines.list_sink import ListSink


def chunk(finish_reason: str | None = None, **delta: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def read(*data: str, limit: int = -1) -> tuple[ListSink, Reply]:
    sink = ListSink(limit)
    reply = Reply(sink)
    all(reply.take(item) for item in data)
    return sink, reply


def test_a_stream_is_its_texts_and_its_reason_and_its_usage() -> None:
    usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 7}})
    sink, reply = read(
        chunk(role="assistant", content=""), chunk(content="Hel"), chunk(content="lo"), chunk("stop"), usage, "[DONE]"
    )
    assert sink.tokens == ["Hel", "lo"]
    assert sink.labels == []
    assert reply.finish() == Finish("stop", 3, 7)
    assert reply.done


def test_a_completion_has_its_text_in_another_place() -> None:
    sink, reply = read('{"choices":[{"text":"Once"}]}', '{"choices":[{"text":"","finish_reason":"length"}]}')
    assert sink.tokens == ["Once"]
    assert reply.finish() == Finish("length", 0, None)


def test_an_answer_in_one_piece_is_one_delta() -> None:
    whole = {
        "choices": [{"message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    sink, reply = read(json.dumps(whole))
    assert sink.tokens == ["Hello!"]
    assert reply.finish() == Finish("stop", 3, 2)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_is_thought_is_labelled(name: str) -> None:
    sink, _ = read(chunk(**{name: "h"}), chunk(**{name: "m"}), chunk(content="Yes."))
    assert sink.tokens == ["h", "m", "Yes."]
    assert [(place, label.channel) for place, label in sink.labels] == [(0, Channel.REASONING), (2, Channel.ANSWER)]


def test_tool_calls_keep_their_names_and_fragments() -> None:
    def part(index: int, arguments: str, **named: Any) -> str:
        function = {"arguments": arguments} | ({"name": named.pop("name")} if named else {})
        return chunk(tool_calls=[{"index": index, "function": function, **named}])

    sink, reply = read(
        part(0, "", id="c0", name="find"),
        part(0, '{"q":1}'),
        part(1, "{}", id="c1", name="now"),
        chunk("tool_calls"),
    )
    assert sink.tokens == ["", '{"q":1}', "{}"]
    calls = [label.tool_call for _, label in sink.labels]
    assert [(call.index, call.id, call.name) for call in calls if call] == [(0, "c0", "find"), (1, "c1", "now")]
    assert [place for place, _ in sink.labels] == [0, 2]
    assert reply.finish().reason == "tool_calls"


def test_whole_tool_calls_are_counted_by_their_place() -> None:
    calls = [{"id": f"c{number}", "function": {"name": "find", "arguments": "{}"}} for number in range(2)]
    sink, _ = read(json.dumps({"choices": [{"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}))
    assert [label.tool_call.index for _, label in sink.labels if label.tool_call] == [0, 1]


def test_text_without_a_finish_reason_is_cut() -> None:
    _, reply = read(chunk(content="Hel"), "[DONE]")
    with pytest.raises(EngineError, match="without a finish reason"):
        reply.finish()


def test_a_sink_that_wants_no_more_is_no_failure() -> None:
    sink, reply = read(chunk(content="a"), chunk(content="b"), chunk(content="c"), limit=2)
    assert sink.tokens == ["a", "b"]
    assert reply.finish().reason == "length"


def test_a_services_own_reasons_are_stop() -> None:
    assert read(chunk("eos_token"))[1].finish().reason == "stop"
    assert read(chunk("content_filter"))[1].finish().reason == "content_filter"


@pytest.mark.parametrize("data", ["", "{", "[]", "3", '{"choices":3}', '{"choices":[{"delta":{"content":{}}}]}'])
def test_what_is_no_chunk_is_an_error(data: str) -> None:
    with pytest.raises(EngineError, match="no chunk"):
        read(data)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "busy", "code": 429}, Code.RESOURCE_EXHAUSTED),
        ({"message": "too long", "code": 400, "param": "messages"}, Code.INVALID_ARGUMENT),
        ({"message": "lost", "code": "worker_lost"}, Code.UNAVAILABLE),
        ({"message": "late", "code": "timeout"}, Code.DEADLINE_EXCEEDED),
        ({"message": "broken", "code": None}, Code.INTERNAL),
        ("broken", Code.INTERNAL),
    ],
)
def test_an_error_within_the_stream_keeps_its_kind(error: Any, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        read(json.dumps({"error": error}))
    assert refused.value.failed.code is code
    assert refused.value.failed.message == (error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize(
    ("status", "body", "code", "field", "message"),
    [
        (
            400,
            '{"error":{"message":"Too hot.","param":"temperature"}}',
            Code.INVALID_ARGUMENT,
            "temperature",
            "Too hot.",
        ),
        (422, '{"detail":"Too hot."}', Code.INVALID_ARGUMENT, "", "Too hot."),
        (
            404,
            '{"error":{"message":"No such model"}}',
            Code.NOT_FOUND,
            "model",
            "The service does not serve that model.",
        ),
        (404, "<html>", Code.INTERNAL, "", "The service answers 404."),
        (401, '{"error":"bad key"}', Code.INTERNAL, "", "bad key"),
        (429, "", Code.RESOURCE_EXHAUSTED, "", "The service answers 429."),
        (500, "[]", Code.INTERNAL, "", "The service answers 500."),
        (503, "[" * 100_000, Code.UNAVAILABLE, "", "The service answers 503."),
    ],
)
def test_a_status_is_a_code_with_the_services_words(
    status: int, body: str, code: Code, field: str, message: str
) -> None:
    failed = refusal(status, body).failed
    assert (failed.code, failed.field, failed.message) == (code, field, message)


def test_the_answers_label_is_said_only_after_another() -> None:
    sink, _ = read(chunk(content="a"), chunk(reasoning="b"), chunk(content="c"))
    assert sink.labels[1] == (2, ANSWER)
