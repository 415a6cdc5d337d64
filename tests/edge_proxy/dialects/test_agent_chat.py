import json
from dataclasses import replace
from typing import Any

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, Usage
from edge_proxy.dialects.agent_chat import Turn
from tests.edge_proxy.sse_parser import parse

STOP = Outcome("stop", Usage(9, 57))
TURN = Turn(session_id="s1", message_id="m1", reply_id="r1", model="tiny")
NOTHING = {
    "content": None,
    "session_id": "s1",
    "message_id": "m1",
    "reply_id": None,
    "metadata": None,
    "finish_reason": None,
    "error": None,
}


def data(*events: Event) -> list[dict[str, Any]]:
    encoder = TURN.encoder("w1-5c0f")
    body = encoder.begin() + b"".join(encoder.encode(event, unix_s=0.0) for event in events)
    return [json.loads(message.data) for message in parse(body).messages]


def test_every_event_has_every_field_and_the_end_names_the_reply() -> None:
    counted = {"model": "tiny", "tokens_used": 66, "prompt_tokens": 9, "completion_tokens": 57}
    assert data(Delta("Hel", 1), Ping(), Finished("lo", 2, STOP)) == [
        NOTHING | {"type": "content", "content": "Hel"},
        NOTHING | {"type": "content", "content": "lo"},
        NOTHING | {"type": "done", "reply_id": "r1", "metadata": counted, "finish_reason": "stop"},
    ]


def test_a_failure_says_why_and_whether_to_try_again() -> None:
    assert data(Failed(Failure(Code.TIMEOUT), 0)) == [
        NOTHING
        | {
            "type": "error",
            "error": "The generation took too long.",
            "metadata": {"code": "TIMEOUT", "retryable": True},
        }
    ]


def test_what_is_not_the_answer_is_metadata_and_adds_no_content() -> None:
    (said,) = data(Delta("hm", 1, Label(Channel.REASONING, "planner")))
    assert said == NOTHING | {"type": "content", "content": "", "metadata": {"stage": "planner", "reasoning": "hm"}}
    assert TURN.encoder("w1").encode(Delta("x", 1, Label(Channel.OTHER)), unix_s=0.0) == b""


def test_a_refusal_is_problem_details() -> None:
    media_type, body = TURN.refusal(Failure(Code.OVERLOADED), request_id="q1")
    assert media_type == "application/problem+json"
    assert json.loads(body)["code"] == "OVERLOADED"
    assert TURN.end("w1", []) == b""


def test_where_streaming_is_turned_off_the_text_comes_once_at_the_end() -> None:
    turn = replace(TURN, streaming=False)
    encoder = turn.encoder("w1-5c0f")
    assert encoder.encode(Delta("Hel", 1), unix_s=0.0) == b""
    assert encoder.encode(Ping(), unix_s=0.0) == b": ping\n"
    said = [json.loads(m.data) for m in parse(encoder.encode(Finished("lo", 2, STOP), unix_s=0.0)).messages]
    assert [(event["type"], event["content"]) for event in said] == [("content", "Hello"), ("done", None)]


def test_where_streaming_is_turned_off_a_failure_comes_behind_what_was_said() -> None:
    encoder = replace(TURN, streaming=False).encoder("w1-5c0f", 0, "Hel")
    encoder.encode(Delta("lo", 2), unix_s=0.0)
    said = [json.loads(m.data) for m in parse(encoder.encode(Failed(Failure(Code.TIMEOUT), 2), unix_s=0.0)).messages]
    assert [(event["type"], event["content"]) for event in said] == [("content", "Hello"), ("error", None)]


def test_an_answer_in_one_piece_is_the_end_with_all_of_the_text() -> None:
    deltas = [Delta("hm", 1, Label(Channel.REASONING)), Delta("Hel", 2)]
    whole = json.loads(TURN.whole("w1-5c0f", [(deltas, Finished("lo", 3, STOP))]))
    assert (whole["type"], whole["content"], whole["reply_id"], whole["error"]) == ("done", "Hello", "r1", None)
    assert whole["metadata"]["tokens_used"] == 66
