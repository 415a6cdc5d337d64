from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.dialects.validation import NonEmptyText, Text, validate


class Inner(BaseModel):
    name: Text


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    count: int = Field(0, le=3)
    text: Text = ""
    title: NonEmptyText = "x"
    inner: list[Inner] = []
    by_name: dict[str, Inner] = {}


def refusal(data: dict[str, Any]) -> Failure:
    with pytest.raises(Refused) as caught:
        validate(Outer, data)
    return caught.value.failure


@pytest.mark.parametrize("text", ["", "plain", "é\n\t\u2028🦉", "\ud7ff\ue000"], ids=["empty", "ASCII", "not", "edges"])
def test_text_that_can_be_sent_on_passes_unchanged(text: str) -> None:
    assert validate(Outer, {"text": text}).text == text


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        pytest.param({"count": 4}, "count", "Input should be less than or equal to 3.", id="pydantic's words"),
        pytest.param({"other": 1}, "other", "There is no such field.", id="unknown"),
        pytest.param({"inner": [{}]}, "inner[0].name", "The field is missing.", id="missing"),
        pytest.param({"inner": [{"name": "x"}, 5]}, "inner[1]", None, id="within a list"),
        pytest.param({"by_name": {"a": {"name": 5}}}, "by_name.a.name", None, id="within an object"),
        pytest.param({"text": "\0"}, "text", "Text must not contain NUL.", id="NUL"),
        pytest.param({"text": "a\udc00"}, "text", "Text must not contain a lone surrogate.", id="lone surrogate"),
        pytest.param({"title": ""}, "title", "String should have at least 1 character.", id="empty"),
        pytest.param({"title": "x\0"}, "title", "Text must not contain NUL.", id="NUL in what may not be empty"),
    ],
)
def test_a_refusal_names_the_field_as_the_client_wrote_it(
    data: dict[str, Any], field: str, message: str | None
) -> None:
    failure = refusal(data)
    assert failure.code is Code.INVALID_REQUEST
    assert failure.wrong_field == field
    assert message in (None, failure.message)


def test_what_the_client_sent_is_not_repeated_to_it() -> None:
    assert "secret" not in refusal({"count": "secret"}).message


def test_values_of_a_query_string_are_read_as_what_the_field_is() -> None:
    assert validate(Outer, {"count": "2"}, strings=True).count == 2
    with pytest.raises(Refused):
        validate(Outer, {"count": "2"})
