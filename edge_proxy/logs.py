"""How lines of the log are written: one line a record, for people or as JSON, without anything that breaks a line.

Control characters are escaped and lengths are bounded, because names and words of clients and workers may get in here.
What never does: prompts and answers, keys, headers, query strings.
"""

import json
import logging
from typing import Any

from edge_proxy.core.story import FAILED, Story
from edge_proxy.line_writer import LineWriter

MAX_CHARS = 2_000  # of a message or a field
MAX_TRACEBACK_CHARS = 20_000
FIELDS = "fields"  # where a record has them
STDERR = 2

streams = logging.getLogger("edge_proxy.streams")

_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}  # control characters, line separators, and what turns the direction of text


def plain(value: object) -> str:
    """It as text of one line, that does nothing to a terminal."""
    return str(value)[:MAX_CHARS].translate(_ESCAPED)


class TextFormatter(logging.Formatter):
    """For people; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """See logging."""
        fields = getattr(record, FIELDS, {})
        words = [plain(record.message), *(f"{name}={_quoted(value)}" for name, value in fields.items())]
        record.message = " ".join(words)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """For machines."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        line: dict[str, Any] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": plain(record.getMessage()),
        }
        for name, value in getattr(record, FIELDS, {}).items():
            line[name] = plain(value) if isinstance(value, str) else value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)[:MAX_TRACEBACK_CHARS]
        return json.dumps(line)


def configure(form: str) -> None:
    """Have logs go to stderr, in that format: "text" or "json"."""
    handler = LineWriter(STDERR)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def log_stream(story: Story) -> None:
    """Say what a stream was."""
    if streams.isEnabledFor(logging.INFO):
        level = logging.WARNING if story.outcome == FAILED else logging.INFO
        streams.log(level, "Stream %s.", story.outcome, extra={FIELDS: fields(story)})


def fields(story: Story) -> dict[str, object]:
    """What is told of it, by name."""
    return {
        "request_id": story.request_id,
        "generation_id": story.generation_id,
        "key_id": story.key_id,
        "dialect": story.dialect,
        "outcome": story.outcome,
        "code": story.code,
        "finish_reason": story.finish_reason,
        "prompt_tokens": story.prompt_tokens,
        "tokens": story.tokens,
        "bytes": story.sent_bytes,
        "first_token_s": None if story.first_s is None else round(story.first_s, 4),
        "duration_s": round(story.duration_s, 4),
        "resumed": story.resumed,
        "moves": story.moves,
        "trace_id": story.span.trace_id if story.span else story.trace_parent[3:35],
    }


def _quoted(value: object) -> str:
    """As it is where that is one word, else in quotes."""
    text = plain(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
