import json
from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import (
    ANSWER,
    Channel,
    Delta,
    Event,
    Failed,
    Finished,
    Label,
    Outcome,
    Ping,
    ToolCall,
    Usage,
)
from edge_proxy.dialects import DIALECTS, native
from edge_proxy.dialects.base import Dialect
from tests.edge_proxy.sse_parser import Message, messages, parse

UNIX_S = 1_790_000_000.9
STOP = Outcome("stop", Usage(9, 57))
LOST = Failure(Code.WORKER_LOST, "The worker went away after 57 tokens.")


def encode(events: Sequence[Event], generation_id: str = "w1-5c0fe2") -> bytes:
    encoder = native.encoder(generation_id)
    return encoder.begin() + b"".join(encoder.encode(event, unix_s=UNIX_S) for event in events)


def encode_one(event: Event) -> bytes:
    return native.encoder("w1-5c0fe2").encode(event, unix_s=UNIX_S)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            Delta("Hello", 42),
            b'event: message\nid: w1-5c0fe2.42\ndata: {"delta":"Hello","isFinal":false}\n\n',
            id="delta",
        ),
        pytest.param(
            Delta('"\\\r\n\0\u2028\x85\ufeff\ud800', 1),
            b"event: message\nid: w1-5c0fe2.1\n"
            rb'data: {"delta":"\"\\\r\n\u0000\u2028\u0085\ufeff\ud800","isFinal":false}' + b"\n\n",
            id="delta of what breaks lines",
        ),
        pytest.param(Ping(), b'event: ping\ndata: {"timestamp":1790000000}\n\n', id="ping"),
        pytest.param(
            Finished("!", 57, STOP),
            b'event: message\nid: w1-5c0fe2.58\ndata: {"delta":"!","isFinal":true,"finishReason":"stop",'
            b'"usage":{"promptTokens":9,"completionTokens":57}}\n\n',
            id="end of a success",
        ),
        pytest.param(
            Failed(LOST, 57),
            b'event: error\nid: w1-5c0fe2.57\ndata: {"error":"The worker went away after 57 tokens.",'
            b'"code":"WORKER_LOST","details":{"retryable":true,"partialTokens":57}}\n\n',
            id="end of a failure",
        ),
    ],
)
def test_events_have_these_bytes(event: Event, expected: bytes) -> None:
    assert encode_one(event) == expected


def test_a_refusal_that_names_a_field_made_of_anything_is_still_json() -> None:
    failure = Failure(Code.INVALID_REQUEST, "There is no such field.", '\ud800\n"é')
    assert json.loads(native.refusal(failure, request_id="r-1")[1])["field"] == failure.wrong_field


@pytest.mark.parametrize("code", Code)
def test_a_failed_event_says_its_code_and_whether_to_try_again(code: Code) -> None:
    (message,) = messages(encode_one(Failed(Failure(code), 3)))
    error = json.loads(message.data)
    assert message.type == "error"
    assert error["code"] == code.value
    assert error["details"] == {"retryable": Failure(code).retryable, "partialTokens": 3}


def test_the_first_bytes_are_a_complete_block_that_is_no_event() -> None:
    stream = parse(native.encoder("w1-1").begin() + b"data: x\n\n")
    assert stream.comments
    assert stream.messages == [Message("message", "x")]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_spells_every_event(dialect: Dialect) -> None:
    events: dict[type, Event] = {
        Delta: Delta("x", 1),
        Ping: Ping(),
        Finished: Finished("", 1, STOP),
        Failed: Failed(LOST, 1),
    }
    assert set(events) == set(get_args(Event))
    for event in events.values():
        assert dialect.encoder("w1-1").encode(event, unix_s=UNIX_S).endswith(b"\n")


TEXTS = st.text(st.one_of(st.characters(), st.sampled_from('\r\n\0\u2028\u2029\x85\x0b\x0c\ufeff\ud800\udfff"\\:')))


def same_text(one: str, other: str) -> bool:
    """Equal as a JavaScript client has them: two halves of a pair are the pair."""
    return one.encode("utf-16", "surrogatepass") == other.encode("utf-16", "surrogatepass")


@given(text=TEXTS, index=st.integers(0, 2**64 - 1))
def test_any_delta_is_exactly_one_event_with_equal_text(text: str, index: int) -> None:
    (message,) = messages(encode([Delta(text, index)]))
    assert (message.type, message.last_event_id) == ("message", f"w1-5c0fe2.{index}")
    data = json.loads(message.data)
    assert data["isFinal"] is False
    assert same_text(data["delta"], text)


@given(text=TEXTS, reason=TEXTS, index=st.integers(0, 2**64 - 1))
def test_any_success_ends_with_exactly_one_event_with_equal_text(text: str, reason: str, index: int) -> None:
    (message,) = messages(encode([Finished(text, index, Outcome(reason, Usage(1, 2)))]))
    data = json.loads(message.data)
    assert data["isFinal"] is True
    assert same_text(data["delta"], text)
    assert same_text(data["finishReason"], reason)


@given(text=TEXTS.filter(bool), code=st.sampled_from(Code))
def test_any_failure_is_exactly_one_event_with_equal_words(text: str, code: Code) -> None:
    (message,) = messages(encode([Failed(Failure(code, text), 1)]))
    assert same_text(json.loads(message.data)["error"], text)


@given(texts=st.lists(TEXTS))
def test_a_stream_of_any_deltas_gives_all_their_text(texts: list[str]) -> None:
    seen = messages(encode([Delta(text, index) for index, text in enumerate(texts)]))
    assert len(seen) == len(texts)
    assert all(same_text(json.loads(message.data)["delta"], text) for message, text in zip(seen, texts, strict=True))


CALL = ToolCall(1, "call_1", "find")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (ANSWER, {"delta": "hm"}),
        (Label(stage="executor"), {"delta": "hm", "stage": "executor"}),
        (Label(Channel.REASONING), {"delta": "", "reasoning": "hm"}),
        (Label(Channel.REASONING, "planner"), {"delta": "", "reasoning": "hm", "stage": "planner"}),
        (Label(Channel.PROGRESS), {"delta": "", "progress": "hm"}),
        (Label(Channel.MEDIA), {"delta": "", "media": "hm"}),
        (Label(Channel.RESULT), {"delta": "", "result": "hm"}),
        (
            Label(Channel.TOOL_CALL, tool_call=CALL),
            {"delta": "", "toolCall": {"index": 1, "id": "call_1", "name": "find", "arguments": "hm"}},
        ),
        (Label(Channel.OTHER), {"delta": ""}),
    ],
)
def test_what_is_not_the_answer_has_a_member_of_its_own_and_an_empty_delta(
    label: Label, expected: dict[str, object]
) -> None:
    (message,) = parse(encode_one(Delta("hm", 7, label))).messages
    assert json.loads(message.data) == expected | {"isFinal": False}
    assert (message.type, message.last_event_id) == ("message", "w1-5c0fe2.7")
