"""The connection's short way out for the body of a stream."""

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from edge_proxy.downstream.connection import Connection


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data


def make_connection() -> tuple[Connection, Transport]:
    config = Config(lambda: None, log_config=None)
    config.load()
    connection = Connection(config=config, server_state=ServerState(), app_state={"of": "the app"})
    transport = Transport()
    connection.connection_made(transport)
    return connection, transport


async def test_a_request_finds_its_connection_in_the_state() -> None:
    connection, _ = make_connection()
    other, _ = make_connection()
    assert connection.app_state == {"of": "the app", "connection": connection}
    assert other.app_state["connection"] is other


@pytest.mark.parametrize(
    ("data", "chunk"),
    [(b"a", b"1\r\na\r\n"), (b"x" * 26, b"1a\r\n" + b"x" * 26 + b"\r\n"), (b"\r\n\r\n", b"4\r\n\r\n\r\n\r\n")],
)
async def test_a_chunk_is_its_size_in_hexadecimal_and_its_bytes(data: bytes, chunk: bytes) -> None:
    connection, transport = make_connection()
    connection.write_chunk(data)
    assert transport.written == chunk


async def test_it_says_when_the_client_takes_bytes_again() -> None:
    connection, _ = make_connection()
    told: list[bool] = []
    connection.on_writable = lambda: told.append(connection.writable)
    connection.pause_writing()
    assert not connection.writable
    connection.resume_writing()
    assert told == [True]
