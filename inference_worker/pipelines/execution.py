"""What the sandbox answers, read with care: a program that is run there may have written it itself. Pure."""

import base64
import binascii
import json
from typing import Any

from inference_worker.pipelines.steps import Execution

NOTHING = "It was stopped before it said what came of it."
PNG = b"\x89PNG\r\n\x1a\n"
RESULT_CHARS = 20_000  # what a program prints is bounded where it runs; this bounds one that says what it did not print
FIGURE_CHARS = 150_000


def read_answer(answer: bytes) -> Execution:
    """What came of a program, by the runner's JSON; a note, if it is none."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return Execution(_noted("", NOTHING))
    if not isinstance(said, dict):
        return Execution(_noted("", NOTHING))
    note = str(said.get("note") or "").strip()
    figure, complaint = _plotly(said.get("plotly_json"))
    result = _noted(str(said.get("output") or ""), " ".join([text for text in (note, complaint) if text]))
    return Execution(result[:RESULT_CHARS].replace("\0", "\ufffd"), _image(said.get("image")), figure)


def _noted(output: str, note: str) -> str:
    """The output, and a note in brackets on a line of its own."""
    if not note:
        return output
    return f"{output}{'' if not output or output.endswith(chr(10)) else chr(10)}[{note}]"


def _image(said: Any) -> str | None:
    if not isinstance(said, str) or len(said) > FIGURE_CHARS:
        return None
    try:
        data = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        return None
    return said if data.startswith(PNG) else None


def _plotly(said: Any) -> tuple[dict[str, Any] | None, str]:
    """The figure; else what is wrong with it, if there is something."""
    if said is None:
        return None, ""
    try:
        figure = json.loads(said) if isinstance(said, str) and len(said) <= FIGURE_CHARS else None
    except (ValueError, RecursionError):
        figure = None
    if not isinstance(figure, dict):
        return None, "figure.json is left out: it is no JSON object."
    return figure, ""
