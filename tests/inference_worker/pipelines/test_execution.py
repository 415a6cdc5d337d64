import base64
import json
from typing import Any

import pytest

from inference_worker.pipelines.execution import FIGURE_CHARS, NOTHING, RESULT_CHARS, read_answer
from inference_worker.pipelines.steps import Execution

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nx").decode()


def answer(**said: Any) -> Execution:
    return read_answer(json.dumps(said).encode())


def test_what_a_program_printed_and_its_figures() -> None:
    assert answer(output="4\n", note="", image=PNG, plotly_json='{"data":[]}') == Execution("4\n", PNG, {"data": []})


@pytest.mark.parametrize(
    ("output", "said"), [("", "[Why.]"), ("4", "4\n[Why.]"), ("4\n", "4\n[Why.]")], ids=["none", "open", "closed"]
)
def test_a_note_has_a_line_of_its_own(output: str, said: str) -> None:
    assert answer(output=output, note="Why.").result == said


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_none_is_said_to_be_none(data: bytes) -> None:
    assert read_answer(data) == Execution(f"[{NOTHING}]")


@pytest.mark.parametrize("image", [1, "x", "cG5n", PNG + "!", "A" * (FIGURE_CHARS + 1), {}])
def test_what_is_no_picture_is_left_out(image: object) -> None:
    assert answer(output="4", image=image).image is None


@pytest.mark.parametrize("figure", ["[1]", "{", 1, '{"x":"' + "y" * FIGURE_CHARS + '"}', "[" * 100_000])
def test_what_is_no_figure_is_left_out_with_a_note(figure: object) -> None:
    made = answer(output="4", plotly_json=figure)
    assert made.plotly_json is None
    assert made.result == "4\n[figure.json is left out: it is no JSON object.]"


def test_whatever_else_is_said_is_bounded_and_is_text() -> None:
    made = answer(output="x" * (2 * RESULT_CHARS), note={"a": 1}, more=1)
    assert len(made.result) == RESULT_CHARS
    assert answer(output="a\0b").result == "a\ufffdb"
    assert answer(output=["x"], note=None).result == "['x']"
