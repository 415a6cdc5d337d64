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


def test_models_are_named(pair: Pair) -> None:
    assert models(f"http://{pair.edge}") == ["scripted"]
