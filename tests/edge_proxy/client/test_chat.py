import io
import json

import pytest

from edge_proxy.client.chat import chat, say
from edge_proxy.client.events import StreamError
from tests.end_to_end.conftest import Pair

FAST = {"engine_options": {"tokens_per_second": 0, "tokens": 5}}


def test_the_text_is_shown_and_the_figures_after_it(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert chat(f"http://{pair.edge}", "Hello", FAST, as_json=False) == 0
    shown = capsys.readouterr()
    assert len(shown.out.split()) >= 5
    assert shown.out.endswith("\n")
    assert "1 tokens in, 5 out (stop); first after " in shown.err


def test_the_events_can_be_shown_instead(pair: Pair) -> None:
    out = io.StringIO()
    answer = say(f"http://{pair.edge}", {"prompt": "Hello", **FAST}, as_json=True, out=out)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "".join(event.get("delta", "") for event in events) == answer
    assert events[-1]["isFinal"]


def test_a_conversation_remembers(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["Hello", "", "And now?"])

    def read(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    assert chat(f"http://{pair.edge}", "", FAST, as_json=False) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("1 tokens in")
    assert int(second.split()[0]) > 3, "the question before and its answer are part of the second"


def test_a_failure_is_said_and_is_the_exit_code(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"engine_options": {"tokens_per_second": 0, "tokens": 5, "fail_at": 2}}
    assert chat(f"http://{pair.edge}", "Hello", options, as_json=False) == 1
    assert "The model failed. (GENERATION_ERROR)" in capsys.readouterr().err


def test_a_refusal_names_the_field(pair: Pair) -> None:
    with pytest.raises(StreamError, match=r"400: .* \(temperature\)"):
        say(f"http://{pair.edge}", {"prompt": "Hello", "temperature": 9}, as_json=False, out=io.StringIO())
