"""Heads that offer another protocol, to a parser whose hearer takes offers of one name only."""

import httptools
import pytest

from edge_proxy.downstream.offers import Parser, spell_without_offer

OFFER = b"POST /a?b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, keep-alive\r\nUpgrade: %b\r\n"
BODY = OFFER % b"h2c" + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = OFFER % b"h2c" + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


class Hearer:
    """Keeps the requests that it is told of, as uvicorn would."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, dict[bytes, bytes], bytes]] = []
        self.parser = Parser(self)
        self._again: bytes | None = None

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", dict[bytes, bytes](), b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._headers[b"upgrade"] != b"websocket":
            version, method = self.parser.get_http_version(), self.parser.get_method()
            self._again = spell_without_offer(method, self._url, version, self._headers.items())

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._again:
            self.requests.append((self._url, self._headers, self._body))

    def without_offer(self) -> bytes | None:
        again, self._again = self._again, None
        return again


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("request_", [BODY, CHUNKS], ids=["length", "chunks"])
def test_the_body_behind_an_offer_is_read_and_so_is_the_next_request(request_: bytes, size: int) -> None:
    hearer, sent = Hearer(), request_ + request_ + NEXT
    for begin in range(0, len(sent), size):
        hearer.parser.feed_data(sent[begin : begin + size])
    assert [(url, body) for url, _, body in hearer.requests] == [(b"/a?b", b"hello")] * 2 + [(b"/next", b"")]
    headers = hearer.requests[0][1]
    assert headers[b"connection"] == b"HTTP2-Settings, keep-alive"
    assert b"upgrade" not in headers
    assert headers[b"host"] == b"x"


def test_an_offer_that_is_taken_ends_what_is_http() -> None:
    hearer = Hearer()
    with pytest.raises(httptools.HttpParserUpgrade):
        hearer.parser.feed_data(OFFER % b"websocket" + b"\r\nframes")
    assert [url for url, _, _ in hearer.requests] == [b"/a?b"]


def test_what_is_no_request_is_an_error() -> None:
    with pytest.raises(httptools.HttpParserError):
        Hearer().parser.feed_data(b"nonsense\r\n\r\n")


def test_a_connection_that_is_to_be_closed_stays_one() -> None:
    head = spell_without_offer(b"GET", b"/", "1.1", [(b"connection", b"close, Upgrade"), (b"upgrade", b"h2c")])
    assert head == b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
