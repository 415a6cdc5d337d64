"""Clients that say nothing, half of a request, or all of it too slowly: they are sent away in time, and harm nobody."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator

import pytest

from tests.faults.beside import healthy_stream
from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.raw import Raw, in_thread, post
from tests.support.sse import check_native

TIMEOUT_S = 1.0
SLACK_S = 1.0  # for a busy machine
CLOCK_S = 0.01  # our clock has begun later than the edge's, which counts milliseconds
KEEP_ALIVE_S = 5.0  # uvicorn's, for who has been answered and asks nothing more
LATE = b"HTTP/1.1 408 Request Timeout\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
ASKED = post(PATH, json.dumps({"prompt": "x", "engine_options": {"tokens": 75}}).encode())  # 1.5 seconds of text
CHUNKED = ASKED.partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def edge() -> Iterator[str]:
    """One that is in a hurry."""
    hurry = {"EDGE_HEAD_TIMEOUT_S": str(TIMEOUT_S), "EDGE_BODY_TIMEOUT_S": str(TIMEOUT_S)}
    with processes.worker() as (worker, _), processes.edge(worker, **hurry) as (address, _):
        yield address


def drip(client: Raw, data: bytes) -> tuple[bytes, float]:
    """Send some of it at once and the rest byte by byte, until the other side ends; what it said, and when."""
    begin = client.opened
    for byte in data:
        if not client.open or not client.send(bytes([byte])):
            break
        assert time.monotonic() - begin < TIMEOUT_S + SLACK_S, "it is still listened to"
        time.sleep(0.02)
    client.wait_for_end(TIMEOUT_S + SLACK_S)
    return client.read_to_end()[0], time.monotonic() - begin


@pytest.mark.parametrize(
    ("first", "slowly", "answer"),
    [
        pytest.param(b"", b"", b"", id="nothing"),
        pytest.param(b"", b"\r\n" * 1000, LATE, id="blank lines"),
        pytest.param(HEAD[:10], b"", LATE, id="half of a line"),
        pytest.param(HEAD, b"", LATE, id="half of a head"),
        pytest.param(HEAD, b"X: y\r\n" * 1000, LATE, id="a head that goes on and on"),
        pytest.param(ASKED[:-1], b"", LATE, id="a body but its last byte"),
        pytest.param(ASKED.replace(b"Length: ", b"Length: 9"), b" " * 1000, LATE, id="a body that goes on and on"),
        pytest.param(CHUNKED, b"", LATE, id="a head only"),
        pytest.param(CHUNKED, b"1\r\nx\r\n" * 1000, LATE, id="chunks without end"),
        pytest.param(CHUNKED + b"1;x=", b"y" * 1000, LATE, id="a chunk's extension without end"),
        pytest.param(CHUNKED + b"0\r\n", b"X: y\r\n" * 1000, LATE, id="a trailer without end"),
    ],
)
async def test_who_does_not_finish_a_request_is_sent_away(
    edge: str, first: bytes, slowly: bytes, answer: bytes
) -> None:
    async with healthy_stream(edge):
        with Raw(edge, first) as client:
            data, elapsed = await in_thread(drip, client, slowly)
    assert data.startswith(answer)
    assert bool(data) == bool(answer)
    assert TIMEOUT_S - CLOCK_S <= elapsed < TIMEOUT_S + SLACK_S


async def test_who_has_been_answered_is_awaited_no_longer_than_others(edge: str) -> None:
    with Raw(edge, HEAD + b"\r\n") as client:
        while not client.read_some(4096).endswith(b"}"):
            pass
        client.send(HEAD)
        data, elapsed = await in_thread(drip, client, b"")
    assert data.startswith(LATE)
    assert TIMEOUT_S - CLOCK_S <= elapsed < TIMEOUT_S + SLACK_S < KEEP_ALIVE_S


async def test_half_a_request_behind_a_stream_touches_the_stream_not(edge: str) -> None:
    """The clock runs from the stream's end on: until then it is we who are slow."""
    with Raw(edge, ASKED + HEAD) as client:
        await in_thread(client.wait_for_end, 1.5 + TIMEOUT_S + 2 * SLACK_S)
        data, _ = client.read_to_end()
    stream, end, rest = data.partition(b"0\r\n\r\n")
    assert end
    assert b'"isFinal":true' in stream
    assert rest.startswith(LATE)


async def test_many_of_them_at_once_do_not_keep_others_waiting(edge: str) -> None:
    with contextlib.ExitStack() as stack:
        async with healthy_stream(edge):
            clients = [stack.enter_context(Raw(edge, HEAD)) for _ in range(300)]
            begin = time.monotonic()
            stream = await Exchange.post(edge, {"prompt": "y", "engine_options": {"tokens": 10}})
            assert time.monotonic() - begin < SLACK_S
            check_native(await stream.all_events())
            for client in clients:
                await in_thread(client.wait_for_end, TIMEOUT_S + 2 * SLACK_S)
    assert time.monotonic() - begin < TIMEOUT_S + 3 * SLACK_S


async def test_idle_connections_beyond_the_bound_are_turned_away_until_there_is_room() -> None:
    bounds = {"EDGE_MAX_CONNECTIONS": "20", "EDGE_HEAD_TIMEOUT_S": str(TIMEOUT_S)}
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, **bounds) as (edge, _),
        contextlib.ExitStack() as stack,
    ):
        async with healthy_stream(edge):
            idle = [stack.enter_context(Raw(edge)) for _ in range(19)]
            with Raw(edge, HEAD + b"\r\n") as one_too_many:
                refused, _ = one_too_many.read_to_end()
            for client in idle:
                await in_thread(client.wait_for_end, TIMEOUT_S + SLACK_S)
            served = await asyncio.wait_for(Exchange.get(edge, "/healthz"), SLACK_S)
            served.close()
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    assert served.status == 200
