from typing import Any

import pytest

from edge_proxy.core.errors import Refused
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects.ask_request import parse_ask


def test_a_question_is_a_users_message() -> None:
    body = {"question": "Why?", "model": "tiny", "max_tokens": 5, "temperature": 0.5, "seed": 1}
    expected = GenerationRequest(model="tiny", prompt="Why?", max_tokens=5, temperature=0.5, seed=1)
    assert parse_ask(body) == expected
    assert parse_ask({name: str(value) for name, value in body.items()}, strings=True) == expected


@pytest.mark.parametrize(
    ("body", "name"),
    [({}, "question"), ({"question": ""}, "question"), ({"question": "x", "prompt": "y"}, "prompt")],
)
def test_what_is_wrong_is_named(body: dict[str, Any], name: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_ask(body)
    assert caught.value.failure.wrong_field == name
