import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import ERRORS, Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, ToolCall, Usage
from edge_proxy.dialects import openai
from edge_proxy.dialects.openai import CHAT, COMPLETION, Answer
from tests.edge_proxy.sse_parser import parse

STOP = Outcome("stop", Usage(9, 57))
LOST = Failed(Failure(Code.WORKER_LOST, "The worker went away after 57 tokens."), 57)


def make_answer(*, chat: bool = True, include_usage: bool = False) -> Answer:
    return Answer(CHAT if chat else COMPLETION, 'ti"ny', 1_790_000_000, include_usage)


def stream(answer: Answer, *events: Event) -> bytes:
    """One answer's stream, to its end."""
    encoder = answer.encoder("w1-5c0f")
    body = encoder.begin() + b"".join(encoder.encode(event, unix_s=0.0) for event in events)
    if isinstance(events[-1], Finished):
        body += answer.end("w1-5c0f", [events[-1].outcome.usage])
    return body


def chunks(body: bytes) -> list[dict[str, Any]]:
    """The JSON of a stream that ends well."""
    *data, done = [message.data for message in parse(body).messages]
    assert done == "[DONE]"
    return [json.loads(item) for item in data]


def test_a_chat_begins_with_the_role_and_ends_with_the_reason_and_done() -> None:
    body = stream(make_answer(), Delta("Hello", 1), Delta(" wörld", 3), Finished("!", 4, STOP))
    said = chunks(body)
    assert [chunk["choices"] for chunk in said] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "Hello"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": " wörld"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "!"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
    ]
    common = {"id": "chatcmpl-w1-5c0f", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": 'ti"ny'}
    assert all(chunk == common | {"choices": chunk["choices"]} for chunk in said)


def test_a_completion_has_text_and_begins_with_a_comment() -> None:
    body = stream(make_answer(chat=False), Delta("Hello", 1), Finished("", 1, Outcome("length", Usage(1, 1))))
    said = chunks(body)
    assert body.startswith(b": ping\ndata: ")
    assert [chunk["choices"][0] for chunk in said] == [
        {"index": 0, "text": "Hello", "logprobs": None, "finish_reason": None},
        {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"},
    ]
    assert {(chunk["id"], chunk["object"]) for chunk in said} == {("cmpl-w1-5c0f", "text_completion")}


def test_usage_is_null_in_every_chunk_but_an_own_one_before_done() -> None:
    said = chunks(stream(make_answer(include_usage=True), Delta("Hello", 1), Finished("!", 57, STOP)))
    usage = {"prompt_tokens": 9, "completion_tokens": 57, "total_tokens": 66}
    assert [chunk["usage"] for chunk in said] == [None, None, None, None, usage]
    assert said[-1]["choices"] == []


def test_a_failure_is_an_error_event_in_openais_shape_and_nothing_follows() -> None:
    body = stream(make_answer(), Delta("Hello", 1), LOST)
    last = parse(body).messages[-1]
    assert last.type == "error"
    assert json.loads(last.data) == {
        "error": {
            "message": "The worker went away after 57 tokens.",
            "type": "server_error",
            "param": None,
            "code": "worker_lost",
        }
    }
    assert b"[DONE]" not in body


def test_a_ping_is_a_comment_that_dispatches_nothing() -> None:
    assert make_answer().encoder("w1-1").encode(Ping(), unix_s=1.0) == b": ping\n"
    body = stream(make_answer(), Delta("a", 1), Ping(), Delta("b", 2), Finished("", 2, STOP))
    assert len(chunks(body)) == 4


def test_choices_share_id_and_time_and_differ_in_their_index() -> None:
    answer = make_answer()
    body = b"".join(answer.encoder("w1-1", index).encode(Delta("x", 1), unix_s=0.0) for index in range(3))
    said = [json.loads(message.data) for message in parse(body).messages]
    assert [chunk["choices"][0]["index"] for chunk in said] == [0, 1, 2]
    assert len({chunk["id"] for chunk in said}) == 1


def test_usage_counts_the_prompt_once() -> None:
    assert openai.total([Usage(9, 5), Usage(9, 7)]) == {
        "prompt_tokens": 9,
        "completion_tokens": 12,
        "total_tokens": 21,
    }


@pytest.mark.parametrize("chat", [True, False])
def test_an_answer_in_one_piece(*, chat: bool) -> None:
    body = json.loads(
        make_answer(chat=chat).whole("w1-1", [([Delta("H", 1), Delta("el", 2)], Finished("lo", 2, STOP))])
    )
    said = {"message": {"role": "assistant", "content": "Hello"}} if chat else {"text": "Hello"}
    assert body == {
        "id": "chatcmpl-w1-1" if chat else "cmpl-w1-1",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1_790_000_000,
        "model": 'ti"ny',
        "choices": [{"index": 0, **said, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 57, "total_tokens": 66},
    }


@pytest.mark.parametrize("code", ERRORS)
def test_every_failure_has_a_type_that_the_sdks_know(code: Code) -> None:
    media_type, body = openai.refusal(Failure(code, "No.", "temperature"))
    said = json.loads(body)["error"]
    assert media_type == "application/json"
    assert (said["message"], said["param"]) == ("No.", "temperature")
    known = {"invalid_request_error", "authentication_error", "permission_error", "rate_limit_error"}
    assert said["type"] in ({"server_error"} if ERRORS[code].status >= 500 else known)


def test_a_model_that_is_not_there_is_named_as_openai_does() -> None:
    _, body = openai.refusal(Failure(Code.NOT_FOUND, "No worker serves that model.", "model"))
    assert json.loads(body)["error"]["code"] == "model_not_found"


@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_all_text_out_is_all_text_in(texts: list[str]) -> None:
    events = [Delta(text, number) for number, text in enumerate(texts[:-1], 1)]
    said = chunks(stream(make_answer(), *events, Finished(texts[-1], len(texts), STOP)))
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in said) == "".join(texts)


CALLS = [Label(Channel.TOOL_CALL, tool_call=ToolCall(index, f"call_{index}", "find")) for index in range(2)]
CALLED = Outcome("tool_calls", Usage(9, 57))
TOLD: list[Delta] = [
    Delta("hm", 1, Label(Channel.REASONING)),
    Delta("Let me see.", 2),
    Delta('{"q"', 3, CALLS[0]),
    Delta(":1}", 4, CALLS[0]),
    Delta("{}", 5, CALLS[1]),
    Delta("working", 6, Label(Channel.PROGRESS)),
    Delta("new", 7, Label(Channel.OTHER)),
]


def test_reasoning_and_tool_calls_are_deltas_of_their_own() -> None:
    said = chunks(stream(make_answer(), *TOLD, Finished("", 7, CALLED)))
    assert [chunk["choices"][0]["delta"] for chunk in said[1:]] == [
        {"reasoning_content": "hm"},
        {"content": "Let me see."},
        {
            "tool_calls": [
                {"index": 0, "id": "call_0", "type": "function", "function": {"name": "find", "arguments": '{"q"'}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
            ]
        },
        {},
    ]
    assert said[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_completion_is_the_answer_alone() -> None:
    said = chunks(stream(make_answer(chat=False), *TOLD, Finished("", 7, CALLED)))
    assert "".join(chunk["choices"][0]["text"] for chunk in said) == "Let me see."


def test_a_chat_in_one_piece_has_reasoning_and_calls() -> None:
    body = json.loads(make_answer().whole("w1-1", [(TOLD, Finished("", 7, CALLED))]))
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Let me see.",
        "reasoning_content": "hm",
        "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": "find", "arguments": '{"q":1}'}},
            {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}},
        ],
    }
    alone = json.loads(make_answer().whole("w1-1", [(TOLD[2:4], Finished("", 4, CALLED))]))
    assert alone["choices"][0]["message"]["content"] is None
