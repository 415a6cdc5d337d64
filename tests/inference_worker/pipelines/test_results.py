import json

import pytest

from inference_worker.pipelines import results
from inference_worker.pipelines.steps import Execution, Made


def test_a_turn_is_read_as_it_was_spelled() -> None:
    turn = results.Turn("length", 12, 34)
    assert results.read_turn(json.loads(results.spell_turn(turn))) == turn


def test_what_code_came_to_is_read_as_it_was_spelled() -> None:
    ran = Execution("4\n", "cG5n", {"data": [1]})
    said = json.loads(results.spell_execution("print(4)", ran))
    assert results.read_execution(said) == ran
    assert set(said) == {"generated_code", "execution_result", "image", "plotly_json"}


def test_all_that_was_made_has_every_name() -> None:
    assert json.loads(results.spell_made(Made("4."))) == {
        "reply": "4.",
        "generated_code": None,
        "execution_result": None,
        "image": None,
        "plotly_json": None,
    }


@pytest.mark.parametrize("said", [{}, {"usage": 1, "finish_reason": ""}, {"usage": {}, "finish_reason": "stop"}])
def test_what_is_no_turn_is_none(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no turn"):
        results.read_turn(said)
    with pytest.raises(ValueError, match="nothing that code"):
        results.read_execution(said)


def test_entries_are_short_and_together_the_text() -> None:
    text = "x" * (2 * results.ENTRY_CHARS + 1)
    entries = results.entries(text)
    assert "".join(entries) == text
    assert [len(entry) for entry in entries] == [results.ENTRY_CHARS, results.ENTRY_CHARS, 1]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (['{"a":1}'], {"a": 1}),
        (['{"a"', ":1}"], {"a": 1}),
        (['{"a":"cut off', '{"a":2}'], {"a": 2}),
        (['{"a":"cut', '{"a":"again', '{"a"', ":3}"], {"a": 3}),
        (['{"a":"cut'], None),
        (["[1]"], None),
        ([], None),
    ],
)
def test_a_result_is_all_of_it_or_the_last_whole_one(texts: list[str], said: object) -> None:
    assert results.read(texts) == said
