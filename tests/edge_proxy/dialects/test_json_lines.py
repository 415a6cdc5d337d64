import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Delta, Event, Failed, Finished, Outcome, Ping, Usage
from edge_proxy.dialects import json_lines

STOP = Outcome("stop", Usage(9, 57))


def lines(*events: Event) -> list[dict[str, Any]]:
    """A stream's objects."""
    encoder = json_lines.encoder("w1-5c0f")
    body = encoder.begin() + b"".join(encoder.encode(event, unix_s=7.9) for event in events)
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.decode("ascii").split("\n")[:-1]]


def test_each_line_is_an_object_that_says_its_type() -> None:
    failure = Failure(Code.WORKER_LOST, "Gone.")
    assert lines(Delta("Hello", 1), Ping(), Finished("!", 2, STOP), Failed(failure, 2)) == [
        {"type": "opened", "generationId": "w1-5c0f"},
        {"type": "message", "id": "w1-5c0f.1", "delta": "Hello", "isFinal": False},
        {"type": "ping", "timestamp": 7},
        {
            "type": "message",
            "id": "w1-5c0f.3",
            "delta": "!",
            "isFinal": True,
            "finishReason": "stop",
            "usage": {"promptTokens": 9, "completionTokens": 57},
        },
        {
            "type": "error",
            "id": "w1-5c0f.2",
            "error": "Gone.",
            "code": "WORKER_LOST",
            "details": {"retryable": True, "partialTokens": 2},
        },
    ]


@given(text=st.text())
def test_no_text_breaks_a_line(text: str) -> None:
    assert [line.get("delta") for line in lines(Delta(text, 1))] == [None, text]
