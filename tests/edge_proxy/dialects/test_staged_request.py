from typing import Any

import pytest

from edge_proxy.core.errors import Code, Refused
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.staged_request import parse_staged, parse_staged_query


def parse(**body: Any) -> GenerationRequest:
    return parse_staged(body, resume_window_s=30)


def test_a_message_alone_is_asked_plainly() -> None:
    assert parse(message="Hi") == GenerationRequest(pipeline="ask", messages=(Message("user", "Hi"),))


def test_all_that_can_be_asked_for() -> None:
    request = parse(
        message="And now?",
        mode="agent_multi",
        model="tiny",
        session_id="s-1",
        history=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
        max_rounds=2,
        max_tokens=9,
        temperature=0.5,
        seed=7,
        batch_interval_ms=20,
        timeout_s=5,
        resumable=True,
        stream=True,
        engine_options={"planner.tokens": 3},
    )
    assert request == GenerationRequest(
        pipeline="agent_multi",
        max_rounds=2,
        model="tiny",
        session="s-1",
        messages=(Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "And now?")),
        max_tokens=9,
        temperature=0.5,
        seed=7,
        batch_interval_s=0.02,
        timeout_s=5,
        resume_window_s=30,
        engine_options={"planner.tokens": "3"},
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": "x", "mode": "agent"}, "mode"),
        ({"message": "x", "max_rounds": 0}, "max_rounds"),
        ({"message": "x", "history": [{"role": "tool", "content": "x"}]}, "history"),
        ({"message": "x", "history": [{"role": "user"}]}, "history"),
        ({"message": "x", "stream": False}, "stream"),
        ({"message": "x", "prompt": "y"}, "prompt"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(**body)
    assert refused.value.failure.code is Code.INVALID_REQUEST
    assert refused.value.failure.wrong_field.startswith(field)


def test_a_query_is_kept_for_who_reconnects_unless_it_says_not() -> None:
    request = parse_staged_query({"message": "x", "mode": "agent_single", "seed": "7"}, resume_window_s=30)
    assert (request.pipeline, request.seed, request.resume_window_s) == ("agent_single", 7, 30)
    assert parse_staged_query({"message": "x", "resumable": "false"}, resume_window_s=30).resume_window_s == 0


def test_a_query_has_no_history() -> None:
    with pytest.raises(Refused):
        parse_staged_query({"message": "x", "history": "[]"}, resume_window_s=30)
