import math
from typing import Any

import pytest

from inference_worker.label import Channel, Label, ToolCall
from inference_worker.request import PIPELINES, Message, Piece, Request, parse
from inference_worker.status import Code, Refused
from protos import inference_pb2 as pb

HELLO = (Message("user", "Hello"),)


def refusal_of(request: pb.GenerateRequest) -> tuple[Code, str]:
    with pytest.raises(Refused) as refused:
        parse(request)
    assert refused.value.failed.message.endswith(".")
    return refused.value.failed.code, refused.value.failed.field


def prompted(**fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(prompt="Hello", **fields)


def sampled(**fields: Any) -> pb.GenerateRequest:
    return prompted(sampling=pb.Sampling(**fields))


def chat(*turns: tuple[str, str], **fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(messages=[pb.ChatMessage(role=role, content=text) for role, text in turns], **fields)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(prompted(), Request(messages=HELLO), id="a prompt is one message of the user"),
        pytest.param(prompted(raw_prompt=True), Request(raw_prompt="Hello"), id="a raw prompt is no message"),
        pytest.param(
            chat(("system", "Be brief."), ("user", "")),
            Request(messages=(Message("system", "Be brief."), Message("user", "")), input_field="messages"),
            id="messages in their order",
        ),
        pytest.param(
            sampled(max_tokens=5, temperature=0, top_p=0.5, seed=0, stop=["a", "b"]),
            Request(messages=HELLO, max_tokens=5, temperature=0, top_p=0.5, seed=0, stop=("a", "b")),
            id="sampling, where 0 is not absent",
        ),
        pytest.param(
            prompted(timeout_ms=1_500, resume_window_ms=250),
            Request(messages=HELLO, timeout_s=1.5, resume_window_s=0.25),
            id="milliseconds to seconds",
        ),
        pytest.param(
            prompted(continuation=pb.Continuation(text="so far", next_index=3)),
            Request(messages=HELLO, continued_text="so far", first_index=3),
            id="a continuation",
        ),
        pytest.param(
            prompted(model="tiny", min_chunk_chars=9, engine_options={"tokens": "4"}),
            Request(messages=HELLO, model="tiny", min_chunk_chars=9, engine_options={"tokens": "4"}),
            id="the rest as it is",
        ),
    ],
)
def test_a_request_is_read(request_: pb.GenerateRequest, expected: Request) -> None:
    assert parse(request_) == expected


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        pytest.param(pb.GenerateRequest(), "prompt", id="no input"),
        pytest.param(chat(("user", "a"), prompt="b"), "prompt", id="two inputs"),
        pytest.param(pb.GenerateRequest(prompt="a\0"), "prompt", id="NUL in the prompt"),
        pytest.param(chat(("user", "a"), ("robot", "b")), "messages[1].role", id="unknown role"),
        pytest.param(chat(("user", "a"), ("", "b")), "messages[1].role", id="no role"),
        pytest.param(chat(("User", "a")), "messages[0].role", id="capital role"),
        pytest.param(chat(("user", "a"), ("user", "\0")), "messages[1].content", id="NUL in a message"),
        pytest.param(prompted(min_chunk_chars=4_097), "min_chunk_chars", id="chunks too large"),
        pytest.param(sampled(max_tokens=0), "max_tokens", id="no tokens"),
        pytest.param(sampled(max_tokens=1_000_001), "max_tokens", id="too many tokens"),
        pytest.param(sampled(temperature=-0.1), "temperature", id="temperature below 0"),
        pytest.param(sampled(temperature=2.1), "temperature", id="temperature above 2"),
        pytest.param(sampled(temperature=math.nan), "temperature", id="temperature not a number"),
        pytest.param(sampled(temperature=math.inf), "temperature", id="temperature infinite"),
        pytest.param(sampled(top_p=0), "top_p", id="top_p 0"),
        pytest.param(sampled(top_p=1.1), "top_p", id="top_p above 1"),
        pytest.param(sampled(top_p=math.nan), "top_p", id="top_p not a number"),
        pytest.param(sampled(stop=["x"] * 17), "stop", id="too many stop strings"),
        pytest.param(sampled(stop=["x", ""]), "stop[1]", id="empty stop string"),
        pytest.param(sampled(stop=["x" * 257]), "stop[0]", id="long stop string"),
        pytest.param(sampled(stop=["a\0"]), "stop[0]", id="NUL in a stop string"),
        pytest.param(
            prompted(continuation=pb.Continuation(next_index=2**32)),
            "continuation.next_index",
            id="an index that no usage can count",
        ),
        pytest.param(
            prompted(continuation=pb.Continuation(text="a\0")),
            "continuation.text",
            id="NUL in the continued text",
        ),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(request_: pb.GenerateRequest, field: str) -> None:
    assert refusal_of(request_) == (Code.INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(sampled(max_tokens=1), id="one token"),
        pytest.param(sampled(max_tokens=1_000_000), id="a million tokens"),
        pytest.param(sampled(temperature=2), id="temperature 2"),
        pytest.param(sampled(top_p=1), id="top_p 1"),
        pytest.param(sampled(top_p=1e-9), id="top_p almost 0"),
        pytest.param(sampled(seed=2**32 - 1), id="largest seed"),
        pytest.param(sampled(stop=["🦉" * 256] * 16), id="as many and as long stop strings as may be"),
        pytest.param(prompted(min_chunk_chars=4_096), id="largest chunks"),
        pytest.param(chat(*((role, "x") for role in ("system", "user", "assistant", "tool"))), id="every role"),
    ],
)
def test_the_bounds_themselves_are_taken(request_: pb.GenerateRequest) -> None:
    parse(request_)


def test_extras_are_json_by_name() -> None:
    request = parse(prompted(extras={"tools": '[{"type":"function"}]', "presence_penalty": "0.5"}))
    assert request.extras == {"tools": [{"type": "function"}], "presence_penalty": 0.5}


def test_a_message_can_carry_calls_and_their_results() -> None:
    calls = pb.ChatMessage(role="assistant", tool_calls='[{"id":"c1"}]')
    result = pb.ChatMessage(role="tool", content="42", tool_call_id="c1", name="find")
    request = parse(pb.GenerateRequest(messages=[calls, result]))
    assert request.messages == (
        Message("assistant", "", ({"id": "c1"},)),
        Message("tool", "42", tool_call_id="c1", name="find"),
    )


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (prompted(extras={"tools": "{"}), "tools"),
        (prompted(extras={"tools": "[" * 100_000}), "tools"),
        (pb.GenerateRequest(messages=[pb.ChatMessage(role="assistant", tool_calls="{}")]), "messages[0].tool_calls"),
        (pb.GenerateRequest(messages=[pb.ChatMessage(role="assistant", tool_calls="x")]), "messages[0].tool_calls"),
        (pb.GenerateRequest(messages=[pb.ChatMessage(role="tool", tool_call_id="\0")]), "messages[0].tool_call_id"),
    ],
)
def test_what_should_be_json_is_refused_by_its_field(request_: pb.GenerateRequest, field: str) -> None:
    assert refusal_of(request_) == (Code.INVALID_ARGUMENT, field)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_staged_answer_names_its_pipeline(pipeline: str) -> None:
    asked = parse(prompted(pipeline=pipeline, max_rounds=2))
    assert (asked.pipeline, asked.max_rounds) == (pipeline, 2)


def test_a_pipeline_that_is_not_known_is_refused_by_its_field() -> None:
    assert refusal_of(prompted(pipeline="agents")) == (Code.INVALID_ARGUMENT, "pipeline")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"raw_prompt": True}, "raw_prompt"),
        ({"sampling": pb.Sampling(stop=["x"])}, "stop"),
        ({"extras": {"tools": "[{}]"}}, "tools"),
        ({"continuation": pb.Continuation(text="x", next_index=1)}, "continuation.pieces"),
    ],
)
def test_what_a_staged_answer_can_not_have_is_refused(fields: dict[str, Any], field: str) -> None:
    assert refusal_of(prompted(pipeline="ask", **fields)) == (Code.INVALID_ARGUMENT, field)
    if field != "continuation.pieces":
        parse(prompted(**fields))


def test_pieces_have_their_labels() -> None:
    call = pb.Label(channel=pb.TOOL_CALL, tool_call=pb.ToolCall(index=1, id="c", name="find"))
    continuation = pb.Continuation(text="abc", next_index=3)
    continuation.pieces.add(chars=1, next_index=1)
    continuation.pieces.add(chars=1, next_index=2, label=pb.Label(channel=pb.REASONING, stage="planner"))
    continuation.pieces.add(chars=1, next_index=3, label=call)
    assert parse(prompted(continuation=continuation)).pieces == (
        Piece("a", 1),
        Piece("b", 2, Label(Channel.REASONING, "planner")),
        Piece("c", 3, Label(Channel.TOOL_CALL, tool_call=ToolCall(1, "c", "find"))),
    )


def test_a_label_of_a_newer_worker_is_refused() -> None:
    continuation = pb.Continuation(text="a", next_index=1)
    continuation.pieces.add(chars=1, next_index=1).label.channel = 99  # type: ignore[assignment]  # not of this proto
    assert refusal_of(prompted(continuation=continuation)) == (Code.INVALID_ARGUMENT, "continuation.pieces")
