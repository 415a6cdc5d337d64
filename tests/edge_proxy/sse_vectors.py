"""Event streams and what a client sees of each: WHATWG HTML, sections 9.2.5 "Parsing" and 9.2.6 "Interpreting".

Most are streams that our edge must never write. They are here so that the readers that judge it are judged themselves.
"""

from typing import NamedTuple

from tests.edge_proxy.sse_parser import Message

BOM = b"\xef\xbb\xbf"


class Vector(NamedTuple):
    """One stream.

    Attributes:
        seen: The events that the standard's reader dispatches.
        ours: An edge may write it: the strict reader takes it, and sees the same.
        retry_ms: The reconnection time that it sets, if any.
        node_sees: What npm's `eventsource` sees instead, where it strays from the standard.
    """

    name: str
    data: bytes
    seen: list[Message]
    ours: bool = False
    retry_ms: int | None = None
    node_sees: list[Message] | None = None


def said(data: str, last_event_id: str = "", *, type: str = "message") -> Message:  # noqa: A002 - the standard's word
    return Message(type, data, last_event_id)


X = [said("x")]

WRITTEN = [
    Vector("nothing", b"", [], ours=True),
    Vector("one event", b"data: x\n\n", X, ours=True),
    Vector("two events", b"data: x\n\ndata: y\n\n", [said("x"), said("y")], ours=True),
    Vector("all fields", b"event: ping\nid: g.1\ndata: x\n\n", [said("x", "g.1", type="ping")], ours=True),
    Vector("fields in another order", b"data: x\nid: g.1\nevent: e\n\n", [said("x", "g.1", type="e")], ours=True),
    Vector("a block of comments", b": hello\n: there\n\ndata: x\n\n", X, ours=True),
    Vector("a comment within a block", b": ping\ndata: x\n\n", X, ours=True),
    Vector("a comment behind the data", b"data: x\n: ping\n\n", X, ours=True),
    Vector("a comment that looks like a field", b":data: y\n: id: 9\n\ndata: x\n\n", X, ours=True),
    Vector("an empty comment", b":\n\ndata: x\n\n", X, ours=True),
    Vector("the name of what has none", b"event: message\ndata: x\n\n", X, ours=True),
    Vector("colons within the value", b'data: {"a": "b: c"}\n\n', [said('{"a": "b: c"}')], ours=True),
    Vector("other characters of one, two, three, four bytes", "data: aé猫🦉\n\n".encode(), [said("aé猫🦉")], ours=True),
    Vector(
        "what ends lines for others",
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\n".encode(),
        [said("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")],
        ours=True,
    ),
    Vector("a name in other letters", "event: événement\ndata: x\n\n".encode(), [said("x", type="événement")]),
    Vector("NUL within the data", b"data: a\0b\n\n", [said("a\0b")], ours=True),
    Vector("a byte order mark within the data", "data: \ufeffx\n\n".encode(), [said("\ufeffx")], ours=True),
    Vector("a retry with data", b"retry: 3000\ndata: x\n\n", X, ours=True, retry_ms=3000),
]

BEGINNINGS = [
    Vector("a byte order mark", BOM + b"data: x\n\n", X),
    Vector("a byte order mark before a comment", BOM + b": hello\n\ndata: x\n\n", X),
    Vector("a byte order mark and nothing else", BOM, []),
    Vector("half a byte order mark", BOM[:2] + b"data: y\n\ndata: x\n\n", X),
    Vector(
        "two byte order marks: the second belongs to a field's name",
        BOM + BOM + b"data: y\n\ndata: x\n\n",
        X,
        node_sees=[said("y"), said("x")],  # its decoder takes one off, and its parser another
    ),
    Vector("a byte order mark later on", b"data: x\n\n" + BOM + b"data: y\n\n", X),
    Vector(
        "the characters that a byte order mark is in Latin-1",
        "ï»¿data: y\n\ndata: x\n\n".encode(),
        X,
        node_sees=[said("y"), said("x")],  # it takes text that was decoded as Latin-1, too
    ),
    Vector("blank lines first", b"\n\n\r\n\rdata: x\n\n", X),
]

VALUES = [
    Vector("no space", b"data:x\n\n", X),
    Vector("two spaces: one belongs to the value", b"data:  x\n\n", [said(" x")], ours=True),
    Vector("a tab is no space", b"data:\tx\n\n", [said("\tx")]),
    Vector("a space behind", b"data: x \n\n", [said("x ")], ours=True),
    Vector("a value that begins with a colon", b"data:: x\n\n", [said(": x")]),
    Vector("a value of a colon and a space", b"data: : \n\n", [said(": ")], ours=True),
    Vector("empty data", b"data:\n\n", [said("")]),
    Vector("empty data behind a space", b"data: \n\n", [said("")]),
    Vector("data without a colon", b"data\n\n", [said("")]),
    Vector("two times data without a colon", b"data\ndata\n\n", [said("\n")]),
    Vector("lines of data", b"data: a\ndata:b\ndata:  c\n\n", [said("a\nb\n c")]),
    Vector("an empty line of data between", b"data: a\ndata\ndata: b\n\n", [said("a\n\nb")]),
    Vector("an empty line of data last", b"data: a\ndata:\n\n", [said("a\n")]),
    Vector("an empty name is the usual one", b"event:\ndata: x\n\n", X),
    Vector("a name without a colon is the usual one", b"event: a\nevent\ndata: x\n\n", X),
    Vector("the last name counts", b"event: a\nevent: b\ndata: x\n\n", [said("x", type="b")]),
    Vector("a name is for one event", b"event: a\ndata: x\n\ndata: y\n\n", [said("x", type="a"), said("y")], ours=True),
    Vector("a name with a space before it", b"event:  a\ndata: x\n\n", [said("x", type=" a")]),
]

FIELDS = [
    Vector("an unknown field", b"colour: red\ndata: x\n\n", X),
    Vector("an unknown field without a colon", b"colour\ndata: x\n\n", X),
    Vector("a longer name that begins alike", b"database: y\ndata: x\n\n", X),
    Vector("a shorter name", b"dat: y\ni: 1\ndata: x\n\n", X),
    Vector("names are in lower case", b"Data: y\nDATA: y\nId: 1\nEVENT: e\ndata: x\n\n", X),
    Vector("a space before the name", b" data: y\n\ndata: x\n\n", X),
    Vector("a space behind the name", b"data : y\n\ndata: x\n\n", X),
    Vector("a name and nothing else", b"event: a\n\ndata: x\n\n", X),
    Vector("a NUL within a field's name", b"da\0ta: y\n\ndata: x\n\n", X),
    Vector("a line of a NUL", b"\0\ndata: x\n\n", X),
    Vector("a line of one space is not blank", b"data: a\n \ndata: b\n\n", [said("a\nb")]),
]

IDS = [
    Vector("an id stays", b"id: 1\ndata: x\n\ndata: y\n\n", [said("x", "1"), said("y", "1")], ours=True),
    Vector("an id alone stays", b"id: 7\n\ndata: x\n\n", [said("x", "7")]),
    Vector("an id behind the data", b"data: x\nid: 7\n\n", [said("x", "7")], ours=True),
    Vector("an empty id resets", b"id: 1\ndata: x\n\nid:\ndata: y\n\n", [said("x", "1"), said("y")]),
    Vector("an id without a colon resets", b"id: 1\ndata: x\n\nid\ndata: y\n\n", [said("x", "1"), said("y")]),
    Vector("an id of spaces", b"id:   \ndata: x\n\n", [said("x", "  ")]),
    Vector("the last id counts", b"id: 1\nid: 2\ndata: x\n\n", [said("x", "2")]),
    Vector("an id with a NUL is none", b"id: 1\x002\ndata: x\n\n", X),
    Vector("an id with a NUL leaves the one before", b"id: 1\nid: \0\ndata: x\n\n", [said("x", "1")]),
    Vector("an id in other letters", "id: 猫\ndata: x\n\n".encode(), [said("x", "猫")]),
    Vector("an id of an event that is cut", b"data: x\n\nid: 2\ndata: y\n", X),
]

RETRIES = [
    Vector("a retry alone", b"retry: 3000\n\ndata: x\n\n", X, retry_ms=3000),
    Vector("a retry of zeros", b"retry: 000\ndata: x\n\n", X, ours=True, retry_ms=0),
    Vector("a retry with a unit is none", b"retry: 3s\ndata: x\n\n", X),
    Vector("a retry with a sign is none", b"retry: -1\nretry: +1\ndata: x\n\n", X),
    Vector("a retry with a point is none", b"retry: 3.5\ndata: x\n\n", X),
    Vector("a retry with a space behind is none", b"retry: 3 \ndata: x\n\n", X),
    Vector("an empty retry is none", b"retry: 5\nretry:\nretry\ndata: x\n\n", X, retry_ms=5),
    Vector("a retry in other digits is none", "retry: ३\ndata: x\n\n".encode(), X),
    Vector("the last retry counts, without any blank line", b"retry: 1\nretry: 2\n", [], retry_ms=2),
]

LINE_ENDS = [
    Vector("CR", b"data: x\r\rdata: y\r\r", [said("x"), said("y")]),
    Vector("CR LF", b"data: x\r\n\r\ndata: y\r\n\r\n", [said("x"), said("y")]),
    Vector("LF, then CR LF", b"data: x\n\r\ndata: y\n\r\n", [said("x"), said("y")]),
    Vector("CR LF, then LF", b"data: x\r\n\ndata: y\r\n\n", [said("x"), said("y")]),
    Vector("LF, then CR", b"data: x\n\rdata: y\n\r", [said("x"), said("y")]),
    Vector("all three in one block", b"data: a\rdata: b\r\ndata: c\n\n", [said("a\nb\nc")]),
    Vector("CR LF within a block is one line's end", b"data: a\r\ndata: b\r\n\r\n", [said("a\nb")]),
    Vector("CR behind a comment", b": a\rdata: x\r\r", X),
    Vector("CR behind an unknown field", b"colour: red\r\ndata: x\r\n\r\n", X),
    Vector("three blank lines", b"data: x\n\n\n\ndata: y\n\n", [said("x"), said("y")]),
    Vector("an event that ends with a CR", b"data: x\r\n\r", X),
]

ENDS = [
    Vector("a last event without its blank line", b"data: x\n\ndata: y\n", X),
    Vector("a last line without its end", b"data: x\n\ndata: y", X),
    Vector("the name of a field, cut", b"data: x\n\nda", X),
    Vector("a last character that is cut", "data: x\n\ndata: 猫".encode()[:-1], X),
]

NOT_UTF_8 = [
    Vector("a byte that is none of UTF-8", b"data: a\xffb\n\n", [said("a\ufffdb")]),
    Vector("a character that is cut", b"data: \xf0\x9f\xa6\n\n", [said("\ufffd")]),
    Vector("a space in too many bytes", b"data:\xc0\xa0x\n\n", [said("\ufffd\ufffdx")]),
    Vector("half of a surrogate pair", b"data: \xed\xa0\x80\n\n", [said("\ufffd\ufffd\ufffd")]),
]

# The standard's own examples, but for the spaces.
EXAMPLES = [
    Vector("of a stock ticker", b"data: YHOO\ndata: +2\ndata: 10\n\n", [said("YHOO\n+2\n10")]),
    Vector(
        "of comment, ids and spaces",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [said("first event", "1"), said("second event"), said(" third event")],
    ),
    Vector("of two events and what is discarded", b"data\n\ndata\ndata\n\ndata:", [said(""), said("\n")]),
    Vector("of the space that is dropped", b"data:test\n\ndata: test\n\n", [said("test"), said("test")]),
]

VECTORS = [
    *WRITTEN,
    *BEGINNINGS,
    *VALUES,
    *FIELDS,
    *IDS,
    *RETRIES,
    *LINE_ENDS,
    *ENDS,
    *NOT_UTF_8,
    *EXAMPLES,
]
