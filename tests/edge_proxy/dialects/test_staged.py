import json
from typing import Any

import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, Usage
from edge_proxy.dialects import staged
from tests.edge_proxy.sse_parser import parse

STOP = Outcome("stop", Usage(9, 57))
CODE = Label(Channel.RESULT, "executor")


def data(*events: Event) -> list[dict[str, Any]]:
    encoder = staged.encoder("w1-5c0f")
    body = encoder.begin() + b"".join(encoder.encode(event, unix_s=0.0) for event in events)
    return [json.loads(message.data) for message in parse(body).messages]


def test_stages_think_and_say_and_make_and_then_it_is_complete_and_done() -> None:
    assert data(
        Delta("First,", 1, Label(Channel.REASONING, "planner")),
        Ping(),
        Delta("reading", 2, Label(Channel.PROGRESS, "executor")),
        Delta('{"generated_code":', 3, CODE),
        Delta('"x = 1"}', 4, CODE),
        Delta("Hel", 5, Label(stage="executor")),
        Finished("lo", 6, STOP),
    ) == [
        {"type": "thinking", "stage": "planner", "content": "First,"},
        {"type": "thinking", "stage": "executor", "content": "reading"},
        {"type": "content", "stage": "executor", "content": "Hel"},
        {"type": "content", "stage": "", "content": "lo"},
        {
            "type": "complete",
            "data": {
                "reply": "Hello",
                "generated_code": "x = 1",
                "execution_result": None,
                "image": None,
                "plotly_json": None,
                "finishReason": "stop",
                "usage": {"promptTokens": 9, "completionTokens": 57},
            },
        },
        {"type": "done"},
    ]


def test_results_are_gathered_whether_they_come_in_pieces_or_several() -> None:
    other = Label(Channel.RESULT, "executor")  # equal, and yet another
    *_, complete, _ = data(
        Delta('{"generated_code":"x"', 1, CODE),
        Delta(',"image":"p"}', 2, CODE),
        Delta('{"generated_code":"y"}', 3, other),
        Finished("", 3, STOP),
    )
    assert complete["data"]["generated_code"] == "y"
    assert complete["data"]["image"] == "p"


def test_the_last_result_has_the_reply_which_is_not_all_that_was_said() -> None:
    *_, complete, _ = data(
        Delta("It is 5.", 1, Label(stage="executor")),
        Delta("It is 4.", 2, Label(stage="executor")),
        Delta('{"finish_reason":"stop","usage":{}}', 3, CODE),
        Delta('{"reply":"It is 4.","image":null}', 4, Label(Channel.RESULT)),
        Finished("", 4, STOP),
    )
    assert complete["data"]["reply"] == "It is 4."
    assert set(complete["data"]) == {*staged.RESULTS, "finishReason", "usage"}
    assert complete["data"]["finishReason"] == "stop"


def test_who_has_read_complete_and_comes_back_gets_done_alone() -> None:
    assert data(Finished("", 4, STOP)) == [{"type": "done"}]
    assert [item["type"] for item in data(Ping(), Finished("", 0, STOP))] == ["complete", "done"], "nothing was said"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (['{"a":1}'], [{"a": 1}]),
        (['{"a":1}', '{"b":2}'], [{"a": 1}, {"b": 2}]),
        (['{"a"', ":1}", '{"b":2}'], [{"a": 1}, {"b": 2}]),
        (['{"a":"cut off', '{"b":2}'], [{"b": 2}]),
        (['"end of one"}', '{"b":2}'], [{"b": 2}]),
        (["{", "[1]", '{"b":2}'], [{"b": 2}]),
        (['{"a":"cut off'], []),
    ],
)
def test_results_are_read_whole_or_not_at_all(texts: list[str], said: list[dict[str, Any]]) -> None:
    assert list(staged.read(texts)) == said


def test_a_failure_is_the_last_event() -> None:
    said = data(Delta("Hel", 1), Failed(Failure(Code.TIMEOUT), 1))
    assert [item["type"] for item in said] == ["content", "error"]
    assert said[-1]["code"] == "TIMEOUT"


def test_what_it_has_no_words_for_is_nothing() -> None:
    assert staged.encoder("w1").encode(Delta("x", 1, Label(Channel.OTHER)), unix_s=0.0) == b""
