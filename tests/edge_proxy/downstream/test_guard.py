"""Heads that have two meanings, and those that only look so."""

from http import HTTPStatus

import pytest

from edge_proxy.downstream.guard import MAX_FIELDS, ClientTerms, Guarded, is_sound, refusal

HOST = (b"host", b"relay.example:8080")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    ("headers", "version", "method", "target"),
    [
        pytest.param([HOST], "1.1", b"GET", b"/", id="plain"),
        pytest.param([], "1.0", b"GET", b"/", id="old, without a Host"),
        pytest.param([(b"host", b"[::1]:80")], "1.1", b"GET", b"/?a=b", id="an address in brackets"),
        pytest.param([(b"host", b"a_b-c.d")], "1.1", b"GET", b"/", id="a name with signs"),
        pytest.param([(b"host", b"x:")], "1.1", b"GET", b"/", id="a port that is empty"),
        pytest.param([HOST, CHUNKED], "1.1", b"POST", b"/", id="chunks"),
        pytest.param([HOST, (b"transfer-encoding", b" Chunked ")], "1.1", b"POST", b"/", id="chunks in other letters"),
        pytest.param([HOST], "1.1", b"OPTIONS", b"*", id="the server's options"),
        pytest.param([HOST], "1.1", b"GET", b"http://RELAY.example:8080/x", id="a target with our own name"),
        pytest.param([HOST, *[(b"x", b"")] * (MAX_FIELDS - 1)], "1.1", b"GET", b"/", id="as many fields as may be"),
    ],
)
def test_a_head_with_one_meaning_is_sound(
    headers: list[tuple[bytes, bytes]], version: str, method: bytes, target: bytes
) -> None:
    assert is_sound(headers, version=version, method=method, target=target)


@pytest.mark.parametrize(
    ("headers", "version", "method", "target"),
    [
        pytest.param([], "1.1", b"GET", b"/", id="no Host"),
        pytest.param([HOST, HOST], "1.1", b"GET", b"/", id="two Hosts that are one"),
        pytest.param([HOST, HOST], "1.0", b"GET", b"/", id="two Hosts, of old"),
        pytest.param([(b"host", b"")], "1.1", b"GET", b"/", id="an empty Host"),
        pytest.param([(b"host", b"a, b")], "1.1", b"GET", b"/", id="two Hosts in one"),
        pytest.param([(b"host", b"a@b")], "1.1", b"GET", b"/", id="a Host with a user"),
        pytest.param([(b"host", b"a/b")], "1.1", b"GET", b"/", id="a Host with a path"),
        pytest.param([(b"host", b"a\xff")], "1.1", b"GET", b"/", id="a Host in other bytes"),
        pytest.param([HOST], "1.1", b"GET", b"http://elsewhere/", id="another's target"),
        pytest.param([HOST], "1.1", b"GET", b"relay.example:8080", id="a target without a path"),
        pytest.param([HOST], "1.1", b"CONNECT", b"relay.example:8080", id="a tunnel"),
        pytest.param([HOST], "1.1", b"GET", b"*", id="the server got"),
        pytest.param([HOST], "1.1", b"GET", b"/#part", id="a fragment"),
        pytest.param([HOST, (b"transfer-encoding", b"gzip, chunked")], "1.1", b"POST", b"/", id="another coding"),
        pytest.param([HOST, CHUNKED, CHUNKED], "1.1", b"POST", b"/", id="chunks twice"),
        pytest.param([HOST, CHUNKED], "1.0", b"POST", b"/", id="chunks, of old"),
        pytest.param([HOST], "1.2", b"GET", b"/", id="a version that is none"),
        pytest.param([HOST], "0.9", b"GET", b"/", id="a version without heads"),
        pytest.param([HOST, *[(b"x", b"")] * MAX_FIELDS], "1.1", b"GET", b"/", id="a field too many"),
    ],
)
def test_a_head_that_somebody_might_read_otherwise_is_not(
    headers: list[tuple[bytes, bytes]], version: str, method: bytes, target: bytes
) -> None:
    assert not is_sound(headers, version=version, method=method, target=target)


def test_a_refusal_is_a_whole_response_that_ends_its_connection() -> None:
    assert refusal(HTTPStatus.REQUEST_TIMEOUT, "Late.", b"x: y\r\n") == (
        b"HTTP/1.1 408 Request Timeout\r\nx: y\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 5\r\n"
        b"connection: close\r\n\r\nLate."
    )


def test_terms_hold_for_the_connections_that_are_made_under_them_only() -> None:
    strict = Guarded.under(ClientTerms(max_connections=1))
    assert strict().terms.max_connections == 1
    assert Guarded().terms == ClientTerms()
