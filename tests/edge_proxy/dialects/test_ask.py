import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, ToolCall, Usage
from edge_proxy.dialects import ask
from tests.edge_proxy.sse_parser import parse

STOP = Outcome("stop", Usage(9, 57))


def encode(*events: Event) -> bytes:
    encoder = ask.encoder("w1-5c0f")
    return encoder.begin() + b"".join(encoder.encode(event, unix_s=0.0) for event in events)


def data(*events: Event) -> list[dict[str, Any]]:
    return [json.loads(message.data) for message in parse(encode(*events)).messages]


def test_deltas_and_then_the_whole_answer() -> None:
    assert data(Delta("Hel", 1), Ping(), Delta("lo", 2), Finished("!", 3, STOP)) == [
        {"type": "delta", "content": "Hel"},
        {"type": "delta", "content": "lo"},
        {"type": "delta", "content": "!"},
        {
            "type": "end",
            "answer": "Hello!",
            "finishReason": "stop",
            "usage": {"promptTokens": 9, "completionTokens": 57},
        },
    ]


def test_a_failure_is_an_event_of_that_type() -> None:
    assert data(Delta("Hel", 1), Failed(Failure(Code.TIMEOUT), 1))[-1] == {
        "type": "error",
        "error": "The generation took too long.",
        "code": "TIMEOUT",
        "details": {"retryable": True, "partialTokens": 1},
    }


def test_events_have_ids_and_no_name_so_that_onmessage_gets_them() -> None:
    stream = parse(encode(Delta("a", 1), Finished("", 1, STOP)))
    assert [message.type for message in stream.messages] == ["message", "message"]
    assert b"id: w1-5c0f.1\n" in encode(Delta("a", 1))
    assert b"event:" not in encode(Delta("a", 1), Finished("", 1, STOP))


def test_a_comment_has_no_blank_line_behind_it_that_would_dispatch_an_event() -> None:
    stream = encode(Delta("a", 1), Ping(), Ping(), Finished("", 1, STOP))
    assert stream.count(b": ping\n") == 2
    assert stream.count(b"\n\n") == stream.count(b"data: ") == 2


@given(texts=st.lists(st.text(), min_size=1, max_size=4))
def test_the_answer_is_all_that_was_said(texts: list[str]) -> None:
    events = [Delta(text, number) for number, text in enumerate(texts[:-1], 1)]
    *deltas, end = data(*events, Finished(texts[-1], len(texts), STOP))
    assert end["answer"] == "".join(texts) == "".join(item["content"] for item in deltas)


def test_what_is_not_the_answer_has_types_of_its_own_and_is_not_in_the_answer() -> None:
    said = data(
        Delta("hm", 1, Label(Channel.REASONING)),
        Delta("{}", 2, Label(Channel.TOOL_CALL, tool_call=ToolCall(0, "c1", "find"))),
        Finished("Yes.", 3, STOP),
    )
    assert said[0] == {"type": "reasoning", "content": "hm"}
    assert said[1] == {"type": "tool_call", "index": 0, "id": "c1", "name": "find", "arguments": "{}"}
    assert said[-1]["answer"] == "Yes."
