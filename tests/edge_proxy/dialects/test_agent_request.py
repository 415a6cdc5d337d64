from typing import Any

import pytest

from edge_proxy.core.errors import Refused
from edge_proxy.dialects.agent_request import (
    Page,
    parse_agent,
    parse_change,
    parse_messages_page,
    parse_page,
    parse_session,
    parse_turn,
)


def test_a_new_agent_has_all_fields_and_only_the_sampling_that_was_given() -> None:
    assert parse_agent({"name": "Owl", "sampling": {"seed": 7, "stop": "x"}, "engine_options": {"tokens": 3}}) == {
        "name": "Owl",
        "system_prompt": "",
        "greeting": "",
        "model": "",
        "sampling": {"seed": 7, "stop": ["x"]},
        "engine_options": {"tokens": "3"},
    }


def test_a_change_has_only_what_is_named() -> None:
    assert parse_change({"greeting": ""}) == {"greeting": ""}
    assert parse_change({}) == {}
    assert parse_session({"streaming": False}) == {"streaming": False}


def test_a_turn_may_name_a_session_or_none() -> None:
    turn = parse_turn({"message": "x", "session_id": None})
    assert (turn.session_id, turn.stream, turn.resumable) == (None, None, False)
    assert parse_turn({"message": "x", "session_id": "s", "stream": True}).session_id == "s"


def test_pages_have_bounds() -> None:
    assert parse_page({}) == Page(0, 50)
    assert parse_page({"limit": "7", "before": "9"}) == Page(9, 7)
    assert parse_messages_page({"after": "3"}).after == 3


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "x" * 201}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x", "system_prompt": "x" * 100_001}, "system_prompt"),
        ({"name": "x", "sampling": {"stop": ["x"] * 17}}, "sampling.stop"),
        ({"name": "x", "sampling": {"n": 2}}, "sampling.n"),
        ({"name": "x", "engine_options": {"a": []}}, "engine_options.a"),
        ({"name": "x", "owner": "bob"}, "owner"),
    ],
)
def test_what_is_wrong_with_an_agent_is_named(data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_agent(data)
    assert caught.value.failure.wrong_field == field
