"""Events written by the timer that they fall due by."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from edge_proxy.core.errors import Code
from edge_proxy.core.events import Event, Ping
from edge_proxy.core.pacer import Pacer
from edge_proxy.dialects.native import NativeEncoder
from edge_proxy.downstream.connection import Connection
from edge_proxy.downstream.pump import Pump, encode
from edge_proxy.downstream.stream import Stream
from tests.edge_proxy.downstream.hand_ticker import HandTicker
from tests.edge_proxy.downstream.played_upstream import STOP
from tests.support.virtual_time import settle


class Socket:
    """A connection that keeps what is written, and is full when it is told to be."""

    def __init__(self) -> None:
        self.chunks: list[str] = []
        self.writable = True
        self.on_writable: Callable[[], None] | None = None

    def write_chunk(self, data: bytes) -> None:
        self.chunks.append(data.decode())


class Encoder(NativeEncoder):
    """Fails at a ping."""

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        if isinstance(event, Ping):
            raise RuntimeError("no ping")
        return super().encode(event, unix_s=unix_s)


class Pumped:
    """A stream that is being pumped."""

    def __init__(self) -> None:
        self.ticker = HandTicker()
        pacer = Pacer(interval_s=0.05, ping_interval_s=15, timeout_s=120, now=self.ticker.now())
        self.stream = Stream(pacer, self.ticker)
        self.socket = Socket()
        pump = Pump(self.stream, Encoder("w1-1"), cast("Connection", self.socket))
        self.running = asyncio.create_task(pump.run())

    def push(self, text: str, index: int) -> None:
        self.stream.push(text, index, now=self.ticker.now())

    def deltas(self) -> list[str]:
        return [chunk.partition('"delta":"')[2].partition('"')[0] for chunk in self.socket.chunks]


async def test_the_first_delta_is_written_before_push_returns_and_the_rest_by_the_timer() -> None:
    pumped = Pumped()
    await settle()
    pumped.push("a", 1)
    pumped.push("b", 2)
    pumped.push("c", 3)
    assert pumped.deltas() == ["a"]
    await pumped.ticker.go_to(0.051)
    assert pumped.deltas() == ["a", "bc"]
    pumped.running.cancel()


async def test_the_last_bytes_are_left_to_who_ends_the_body() -> None:
    pumped = Pumped()
    await settle()
    pumped.push("a", 1)
    pumped.push("b", 2)
    pumped.stream.end(STOP, now=pumped.ticker.now())
    last = await pumped.running
    assert pumped.deltas() == ["a"]
    assert b'"delta":"b","isFinal":true' in last
    assert pumped.socket.on_writable is None


async def test_a_full_socket_gathers_one_delta_that_leaves_when_it_takes_bytes_again() -> None:
    pumped = Pumped()
    await settle()
    pumped.push("a", 1)
    pumped.socket.writable = False
    for index in range(2, 8):
        pumped.push("x", index)
        await pumped.ticker.go_to(index / 10)
    assert pumped.deltas() == ["a"]
    pumped.socket.writable = True
    assert pumped.socket.on_writable
    pumped.socket.on_writable()
    assert pumped.deltas() == ["a", "xxxxxx"]
    pumped.running.cancel()


async def test_a_client_that_leaves_with_a_full_socket_ends_the_pump() -> None:
    pumped = Pumped()
    await settle()
    pumped.socket.writable = False
    pumped.push("a", 1)
    pumped.stream.fail(Code.CANCELLED)
    assert b"CANCELLED" in await pumped.running


async def test_what_can_not_be_written_is_told_to_who_waits_and_not_to_the_timer() -> None:
    pumped = Pumped()
    await settle()
    await pumped.ticker.go_to(15.0)
    with pytest.raises(RuntimeError, match="no ping"):
        await pumped.running


def test_several_events_become_one_piece() -> None:
    encoder = NativeEncoder("w1-1")
    one = encode(encoder, [Ping()], clock=lambda: 7.9)
    assert one == b'event: ping\ndata: {"timestamp":7}\n\n'
    assert encode(encoder, [Ping(), Ping()], clock=lambda: 7.9) == one * 2
