import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core import sse


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(sse.event("message", '{"a":1}'), b'event: message\ndata: {"a":1}\n\n', id="event"),
        pytest.param(
            sse.event("message", "{}", "w1-ab.7"), b"event: message\nid: w1-ab.7\ndata: {}\n\n", id="event with id"
        ),
        pytest.param(sse.comment("hello"), b": hello\n", id="comment"),
    ],
)
def test_blocks_have_these_bytes(written: bytes, expected: bytes) -> None:
    assert written == expected


def test_headers_keep_proxies_from_storing_changing_and_gathering() -> None:
    assert dict(sse.HEADERS) == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-cache, no-transform",
        b"x-accel-buffering": b"no",
    }


@pytest.mark.parametrize("text", ["é", "\ufeff", "a\u2028b"], ids=["data", "byte order mark", "line separator"])
def test_what_is_not_ascii_can_not_be_written(text: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        sse.event("message", text)


@given(text=st.text(st.characters()))
def test_a_quoted_text_is_one_line_of_ascii_that_any_json_reader_takes(text: str) -> None:
    quoted = sse.quote(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert json.loads(quoted).encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
