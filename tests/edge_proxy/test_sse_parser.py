"""The examples of WHATWG HTML, section 9.2.6, and what else the reader must get right to be worth asking."""

import pytest

from tests.edge_proxy.sse_parser import Message, messages, parse


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"data: YHOO\ndata: +2\ndata: 10\n\n", [Message("message", "YHOO\n+2\n10")], id="several lines"),
        pytest.param(
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [
                Message("message", "first event", "1"),
                Message("message", "second event"),
                Message("message", " third event"),
            ],
            id="comment, ids, spaces",
        ),
        pytest.param(
            b"data\n\ndata\ndata\n\ndata:", [Message("message", ""), Message("message", "\n")], id="empty data"
        ),
        pytest.param(b"data:test\n\ndata: test\n\n", [Message("message", "test")] * 2, id="one space is dropped"),
        pytest.param(
            b"event: add\ndata: 7\r\n\r\ndata: 8\r\r", [Message("add", "7"), Message("message", "8")], id="ends"
        ),
        pytest.param(b"\xef\xbb\xbfdata: x\n\n", [Message("message", "x")], id="byte order mark"),
        pytest.param(
            "data: a\u2028b\x85c\x0cd\n\n".encode(), [Message("message", "a\u2028b\x85c\x0cd")], id="other ends"
        ),
        pytest.param(b"id: 1\x002\ndata: x\n\n", [Message("message", "x")], id="NUL in an id"),
        pytest.param(b"event: lost\n\ndata: x\n\n", [Message("message", "x")], id="no data, no event"),
        pytest.param(b"id: 7\n\ndata: x\n\n", [Message("message", "x", "7")], id="an id alone stays"),
        pytest.param(b"data: x\n\ndata: cut\n", [Message("message", "x")], id="unterminated"),
        pytest.param(b"colour: red\ndata: x\n\n", [Message("message", "x")], id="unknown field"),
    ],
)
def test_streams_are_read_as_the_standard_says(data: bytes, expected: list[Message]) -> None:
    assert messages(data) == expected


def test_comments_and_retry_are_kept_apart_from_events() -> None:
    stream = parse(b": hello\nretry: 3000\nretry: 3s\n\n")
    assert stream.comments == [" hello"]
    assert stream.reconnection_ms == 3000
    assert stream.messages == []
