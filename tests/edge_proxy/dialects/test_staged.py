import json
from typing import Any

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


def test_a_failure_is_the_last_event() -> None:
    said = data(Delta("Hel", 1), Failed(Failure(Code.TIMEOUT), 1))
    assert [item["type"] for item in said] == ["content", "error"]
    assert said[-1]["code"] == "TIMEOUT"


def test_what_it_has_no_words_for_is_nothing() -> None:
    assert staged.encoder("w1").encode(Delta("x", 1, Label(Channel.OTHER)), unix_s=0.0) == b""
