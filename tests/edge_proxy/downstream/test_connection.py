"""The guarded connection: what it takes, what it refuses, and when. Real clients do the same in `tests/faults`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from edge_proxy.core.errors import Code
from edge_proxy.core.pacer import Pacer
from edge_proxy.dialects.native import NativeEncoder
from edge_proxy.downstream.connection import MAX_HEAD_BYTES, Connection
from edge_proxy.downstream.guard import ClientTerms
from edge_proxy.downstream.pump import Pump
from edge_proxy.downstream.stream import Stream
from tests.edge_proxy.downstream.hand_ticker import HandTicker
from tests.support.virtual_time import settle


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.on_write: Callable[[], None] | None = None

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        self.written += data
        if self.on_write:
            self.on_write()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def get_write_buffer_size(self) -> int:
        return 0


def make_connection(terms: ClientTerms | None = None, state: ServerState | None = None) -> tuple[Connection, Transport]:
    config = Config(lambda: None, log_config=None)
    config.load()
    kind = Connection.under(terms or ClientTerms())
    connection = kind(config=config, server_state=state or ServerState(), app_state={"of": "the app"})
    transport = Transport()
    connection.connection_made(transport)
    return connection, transport


async def test_a_request_finds_its_wire_in_the_state() -> None:
    connection, transport = make_connection()
    other, _ = make_connection()
    assert connection.app_state == {"of": "the app", "wire": connection.wire}
    assert other.app_state["wire"] is other.wire
    connection.app_state["wire"].write(b"bytes")
    assert transport.written == b"bytes"


async def test_it_says_when_the_client_takes_bytes_again() -> None:
    connection, _ = make_connection()
    connection.pause_writing()
    assert not connection.wire.free
    connection.resume_writing()
    assert connection.wire.free


async def test_nothing_is_written_to_a_connection_that_is_lost() -> None:
    """uvloop's transport raises then, and the app does not know yet."""
    connection, transport = make_connection()
    stream = Stream(Pacer(interval_s=0, ping_interval_s=15, timeout_s=120, now=0), HandTicker())
    running = asyncio.create_task(Pump(stream, NativeEncoder("w1-1"), connection.wire).run())
    await settle()
    stream.push("a", 1, now=0)
    written = transport.written
    assert b'"delta":"a"' in written
    connection.connection_lost(None)
    stream.push("b", 2, now=1)
    assert transport.written == written
    stream.fail(Code.CANCELLED)
    await running
    assert transport.written == written


async def test_of_two_answers_for_a_slow_client_one_writes_at_a_time() -> None:
    """Each write fills the connection; what more there is waits in the pacers, and not in the transport."""
    connection, transport = make_connection()
    writes = 0

    def fill() -> None:
        nonlocal writes
        writes += 1
        connection.pause_writing()

    transport.on_write = fill
    connection.pause_writing()
    streams = [Stream(Pacer(interval_s=0, ping_interval_s=15, timeout_s=120, now=0), HandTicker()) for _ in range(2)]
    running = [asyncio.create_task(Pump(one, NativeEncoder("w1-1"), connection.wire).run()) for one in streams]
    await settle()
    for index in range(1, 20):
        for stream in streams:
            stream.push("a", index, now=0)
        assert writes == index - 1
        connection.resume_writing()
        assert writes == index
    connection.connection_lost(None)
    for task in running:
        task.cancel()


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
UPGRADE = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def answer(*reads: bytes) -> bytes:
    """The status line of what a connection whose app says nothing answers at once, if anything."""
    connection, transport = make_connection()
    for data in reads:
        if not transport.closed:
            connection.data_received(data)
    for task in connection.tasks:
        task.cancel()
    return transport.written.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "reads",
    [
        pytest.param([HEAD + b"X: " + b"x" * MAX_HEAD_BYTES], id="one field that does not end"),
        pytest.param([HEAD + b"X: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n"], id="one field in one read"),
        pytest.param([HEAD + b"X: " + b" " * MAX_HEAD_BYTES + b"\r\n\r\n"], id="spaces that nobody needs"),
        pytest.param([HEAD + b"X: y\r\n" * 8192], id="many fields"),
        pytest.param([HEAD + b"X: y\r\n" * 128 + b"\r\n"], id="fields that are small and many"),
        pytest.param([HEAD, b"X: ", *[b"x" * 100] * 200], id="slowly"),
        pytest.param([b"GET /" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n"], id="a long target"),
        pytest.param([b"GET / HTTP/1.1\r\n\r\n"], id="no Host"),
        pytest.param([HEAD + b"Host: y\r\n\r\n"], id="two Hosts"),
        pytest.param([UPGRADE + b"X: " + b"x" * MAX_HEAD_BYTES], id="an upgrade's field that does not end"),
        pytest.param([UPGRADE + b"X: y\r\n" * 8192 + b"\r\n"], id="an upgrade's many fields"),
        pytest.param([UPGRADE + b"Host: y\r\n\r\n"], id="an upgrade's two Hosts"),
        pytest.param([b"GET / HTTP/1.2\r\nHost: x\r\n\r\n"], id="a version that is none"),
        pytest.param([HEAD + b"X: a\r\n b\r\n\r\n"], id="a folded field"),
        pytest.param([b"GET / HTTP/1.1\nHost: x\n\n"], id="bare line feeds"),
        pytest.param(
            [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            id="two lengths",
        ),
    ],
)
async def test_a_malformed_head_is_refused_at_once_however_it_is_cut(reads: list[bytes]) -> None:
    assert answer(*reads) == b"HTTP/1.1 400 Bad Request"
    assert answer(*[bytes([byte]) for byte in b"".join(reads)]) == b"HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize(
    "reads",
    [
        pytest.param([HEAD + b"X: " + b"x" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n"], id="long but not too long"),
        pytest.param([b"GET / HTTP/1.0\r\n\r\n"], id="an old client without a Host"),
        pytest.param([b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999], id="a long body"),
        pytest.param([b"\r\n" * 100 + HEAD + b"\r\n"], id="blank lines before"),
        pytest.param([HEAD + b"\r\n" + HEAD + b"\r\n"] * 400, id="many requests on one connection"),
    ],
)
async def test_other_heads_are_not(reads: list[bytes]) -> None:
    assert answer(*reads) == b""
    assert answer(*[bytes([byte]) for byte in b"".join(reads)]) == b""


async def test_one_connection_too_many_is_turned_away_at_once_and_the_others_stay() -> None:
    terms, state = ClientTerms(max_connections=2), ServerState()
    transports = [make_connection(terms, state)[1] for _ in range(3)]
    assert [transport.closed for transport in transports] == [False, False, True]
    head, _, body = transports[2].written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    assert body == b"Too many connections."


async def test_a_place_is_free_again_when_its_connection_is_lost() -> None:
    terms, state = ClientTerms(max_connections=1), ServerState()
    connection, _ = make_connection(terms, state)
    connection.connection_lost(None)
    assert not make_connection(terms, state)[1].closed


async def test_a_connection_that_is_lost_leaves_no_timer() -> None:
    connection, transport = make_connection(ClientTerms(head_timeout_s=0))
    connection.connection_lost(OSError())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not transport.closed
