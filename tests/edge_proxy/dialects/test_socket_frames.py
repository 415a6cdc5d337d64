import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Delta, Event, Failed, Finished, Outcome, Ping, Usage
from edge_proxy.dialects import json_lines
from edge_proxy.dialects.socket_frames import SocketEncoder, refusal

EVENTS: list[Event] = [
    Delta("Hel\u2028lo 猫", 1),
    Ping(),
    Finished("!", 2, Outcome("stop", Usage(9, 57))),
    Failed(Failure(Code.WORKER_LOST), 2),
]


def frames(ref: str, events: list[Event]) -> list[dict[str, Any]]:
    """A generation's objects."""
    encoder = SocketEncoder("w1-5c0f", ref)
    return [json.loads(frame) for frame in [encoder.begin(), *(encoder.encode(e, unix_s=7.9) for e in events)]]


def lines(events: list[Event]) -> list[dict[str, Any]]:
    """The same in the lines dialect."""
    encoder = json_lines.encoder("w1-5c0f")
    return [json.loads(line) for line in [encoder.begin(), *(encoder.encode(e, unix_s=7.9) for e in events)]]


def test_without_a_ref_frames_are_the_lines() -> None:
    assert frames("", EVENTS) == lines(EVENTS)


@given(ref=st.text(min_size=1, max_size=64))
def test_with_a_ref_each_has_it_besides(ref: str) -> None:
    assert frames(ref, EVENTS) == [{"ref": ref} | line for line in lines(EVENTS)]


def test_a_frame_is_one_line_without_its_end() -> None:
    assert not any("\n" in SocketEncoder("w1-5c0f", "a\nb").encode(event, unix_s=7.9) for event in EVENTS)


@pytest.mark.parametrize(
    ("failure", "ref", "more"),
    [
        pytest.param(Failure(Code.OVERLOADED), "", {}, id="neither ref nor field"),
        pytest.param(Failure(Code.OVERLOADED), "a", {"ref": "a"}, id="a ref"),
        pytest.param(
            Failure(Code.OVERLOADED, "", 'pro"mpt'), "a", {"ref": "a", "field": 'pro"mpt'}, id="a ref and a field"
        ),
    ],
)
def test_a_refusal_is_an_error_without_an_id(failure: Failure, ref: str, more: dict[str, str]) -> None:
    assert json.loads(refusal(failure, ref)) == more | {
        "type": "error",
        "error": "Too many generations run at the moment.",
        "code": "OVERLOADED",
        "details": {"retryable": True, "partialTokens": 0},
    }
