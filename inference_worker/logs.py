"""How lines of the log are written: one line a record, for people or as JSON, without anything that breaks a line.

Control characters are escaped and lengths are bounded, because names and words of clients and services may get in here.
What never does: prompts and answers, keys, metadata. The edge has the same.
"""

import json
import logging
import os
from typing import Any

from inference_worker.line_writer import LineWriter

# gRPC itself writes what a peer says as it is, line ends and all, unless it keeps to errors. It reads this as it is
# imported, which is after this module.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

MAX_CHARS = 2_000  # of a message or a field
MAX_TRACEBACK_CHARS = 20_000
FIELDS = "fields"  # where a record has them
STDERR = 2

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
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the llamacpp engine's questions to its own tokenizer


def _quoted(value: object) -> str:
    """As it is where that is one word, else in quotes."""
    text = plain(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
