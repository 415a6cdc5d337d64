import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects.socket_request import Asked, Cancel, Generate, Resume, Wrong, parse


def parsed(text: str) -> Asked:
    return parse(text, resume_window_s=30.0)


@pytest.mark.parametrize(
    ("frame", "asked"),
    [
        ({"type": "generate", "prompt": "x"}, Generate("", GenerationRequest(prompt="x"))),
        ({"type": "generate", "prompt": "x", "ref": ""}, Generate("", GenerationRequest(prompt="x"))),
        ({"type": "generate", "prompt": "x", "ref": "猫" * 64}, Generate("猫" * 64, GenerationRequest(prompt="x"))),
        (
            {"ref": "a", "prompt": "x", "resumable": True, "type": "generate", "max_tokens": 3},
            Generate("a", GenerationRequest(prompt="x", resume_window_s=30.0, max_tokens=3)),
        ),
        ({"type": "cancel"}, Cancel("")),
        ({"type": "cancel", "ref": "a"}, Cancel("a")),
        ({"type": "resume", "ref": "a", "lastEventId": "w1-5c0f.3"}, Resume("a", Cursor("w1-5c0f", 3))),
    ],
)
def test_each_type_is_read(frame: dict[str, object], asked: Asked) -> None:
    assert parsed(json.dumps(frame)) == asked


@pytest.mark.parametrize(
    ("text", "ref", "field"),
    [
        pytest.param("", "", "", id="nothing"),
        pytest.param("{", "", "", id="half an object"),
        pytest.param("[]", "", "", id="no object"),
        pytest.param('{"type":"cancel","type":"cancel"}', "", "type", id="a member twice"),
        pytest.param('{"prompt":"x"}', "", "type", id="no type"),
        pytest.param('{"type":null}', "", "type", id="a type that is null"),
        pytest.param('{"type":"Generate","ref":"a"}', "a", "type", id="an unknown type"),
        pytest.param('{"type":["cancel"]}', "", "type", id="a type that is no text"),
        pytest.param('{"type":"generate","prompt":"x","ref":5}', "", "ref", id="a ref that is no text"),
        pytest.param('{"type":"generate","prompt":"x","ref":null}', "", "ref", id="a ref that is null"),
        pytest.param(json.dumps({"type": "cancel", "ref": "x" * 65}), "", "ref", id="a long ref"),
        pytest.param('{"type":"generate","ref":"a"}', "a", "prompt", id="no prompt"),
        pytest.param(
            '{"type":"generate","ref":"a","prompt":"x","max_tokens":0}', "a", "max_tokens", id="a wrong value"
        ),
        pytest.param('{"type":"generate","prompt":"x","speed":1}', "", "speed", id="an unknown field"),
        pytest.param('{"type":"cancel","ref":"a","prompt":"x"}', "a", "prompt", id="a field of another type"),
        pytest.param('{"type":"resume","ref":"a"}', "a", "lastEventId", id="nothing to resume"),
        pytest.param('{"type":"resume","lastEventId":""}', "", "lastEventId", id="an empty id"),
        pytest.param('{"type":"resume","lastEventId":5}', "", "lastEventId", id="an id that is no text"),
    ],
)
def test_a_wrong_frame_says_what_is_wrong_and_whose_it_was(text: str, ref: str, field: str) -> None:
    asked = parsed(text)
    assert isinstance(asked, Wrong)
    assert (asked.ref, asked.failure.code, asked.failure.wrong_field) == (ref, Code.INVALID_REQUEST, field)
    assert "body" not in asked.failure.message


@given(st.text())
def test_any_text_is_read_as_something(text: str) -> None:
    assert isinstance(parsed(text), Generate | Cancel | Resume | Wrong)
