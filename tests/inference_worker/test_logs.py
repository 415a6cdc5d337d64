import json
import logging
import sys

import pytest

from inference_worker.logs import FIELDS, MAX_CHARS, JsonFormatter, TextFormatter, plain

NASTY = "a\r\nb\x1b[31mc\x00d\x85e\u2028f\u202eg"
FORMATTERS = [TextFormatter(), JsonFormatter()]


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("worker", logging.INFO, __file__, 1, message, (), None)
    setattr(made, FIELDS, fields)
    return made


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_a_record_is_one_line_that_does_nothing_to_a_terminal(formatter: logging.Formatter) -> None:
    line = formatter.format(record(NASTY, field=NASTY))
    assert line.isprintable()
    assert "x0d" in line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_lengths_are_bounded(formatter: logging.Formatter) -> None:
    assert len(formatter.format(record("x" * 100_000, field="y" * 100_000))) < 3 * MAX_CHARS


def test_words_are_quoted_where_they_could_be_taken_for_more() -> None:
    line = TextFormatter().format(record("Said.", a="one", b="two words", c="x=1", d="", e=3, f='say "x"'))
    assert line.endswith(r'worker: Said. a=one b="two words" c="x=1" d="" e=3 f="say \"x\""')


def test_json_has_fields_as_they_are() -> None:
    line = json.loads(JsonFormatter().format(record("Said.", tokens=3, first_token_s=None, resumed=True)))
    assert line["message"] == "Said."
    assert (line["tokens"], line["first_token_s"], line["resumed"]) == (3, None, True)


def test_json_has_a_traceback_in_its_line() -> None:
    try:
        raise RuntimeError(NASTY)
    except RuntimeError:
        failed = logging.LogRecord("worker", logging.ERROR, __file__, 1, "Failed.", (), sys.exc_info())
    line = JsonFormatter().format(failed)
    assert line.isprintable()
    assert "RuntimeError" in json.loads(line)["traceback"]


def test_plain_text_stays_as_it_is() -> None:
    assert plain("Grüße, 世界: 1 < 2") == "Grüße, 世界: 1 < 2"
