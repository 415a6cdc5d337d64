import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge_proxy.client.events import StreamError, models, stream
from tests.end_to_end.conftest import Pair


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server of one connection, which says this and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_a_stream_is_read_to_its_last_message(pair: Pair) -> None:
    request = {"prompt": "x", "engine_options": {"tokens_per_second": 0, "tokens": 3}}
    with stream(f"http://{pair.edge}", request) as events:
        seen = list(events)
    assert [event.name for event in seen] == ["message"] * len(seen)
    assert seen[-1].data["usage"]["completionTokens"] == 3


@pytest.mark.parametrize("ending", [b"", b"0\r\n\r\n"], ids=["cut", "ended"])
def test_a_stream_without_its_end_is_no_success(ending: bytes) -> None:
    event = b'event: message\ndata: {"delta":"a","isFinal":false}\n\n'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = head + b"%x\r\n%b\r\n" % (len(event), event) + ending
    with answering(answer) as url, pytest.raises(StreamError), stream(url, {"prompt": "x"}) as events:
        list(events)


def test_a_refusal_that_is_not_ours_is_told_by_its_status() -> None:
    answer = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nhello"
    with answering(answer) as url, pytest.raises(StreamError, match="502 Bad Gateway"), stream(url, {"prompt": "x"}):
        pass


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"message":"No."}}', "503: No."),
        (b'{"detail":"No.","field":"model"}', r"503: No\. \(model\)"),
        (b"<html>", "503 Service Unavailable"),
        (b"[1]", "503 Service Unavailable"),
    ],
)
def test_a_refusal_is_told_in_its_own_words_where_it_has_some(body: bytes, said: str) -> None:
    head = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: %d\r\n\r\n" % len(body)
    with answering(head + body) as url, pytest.raises(StreamError, match=said):
        models(url)


@pytest.mark.parametrize("body", [b"<html>", b'{"data": 7}', b'{"models": []}', b"[]"])
def test_what_is_no_edge_is_said_to_be_none(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n" % len(body)
    with answering(head + body) as url, pytest.raises(StreamError, match="no edge"):
        models(url)


@pytest.mark.parametrize("event", [b"data: hello\n\n", b'data: {"text":"hello"}\n\n', b"data: 7\n\n"])
def test_events_of_something_else_are_said_to_be_none_of_an_edge(event: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(event)
    with (
        answering(head + event) as url,
        pytest.raises(StreamError, match="no edge"),
        stream(url, {"prompt": "x"}) as events,
    ):
        assert list(events) == []


def test_a_page_is_said_to_be_no_stream() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
    with (
        answering(answer) as url,
        pytest.raises(StreamError, match="text/html"),
        stream(url, {"prompt": "x"}) as events,
    ):
        list(events)


@pytest.mark.parametrize("url", ["localhost:1", "http://127.0.0.1:99999", "http://[::", "http://127.0.0.1:9"])
def test_an_address_that_can_not_be_asked_is_named_with_the_reason(url: str) -> None:
    with pytest.raises(StreamError) as of_models:
        models(url)
    with pytest.raises(StreamError) as of_stream, stream(url, {"prompt": "x"}):
        pass
    for error in (of_models.value, of_stream.value):
        assert str(error).startswith(f"{url}: ")
        assert len(str(error)) > len(f"{url}: ")


def test_a_slash_behind_the_address_does_not_matter(pair: Pair) -> None:
    assert models(f"http://{pair.edge}/") == ["scripted"]
    request = {"prompt": "x", "engine_options": {"tokens_per_second": 0, "tokens": 3}}
    with stream(f"http://{pair.edge}/", request) as events:
        assert list(events)


def test_models_are_named(pair: Pair) -> None:
    assert models(f"http://{pair.edge}") == ["scripted"]
