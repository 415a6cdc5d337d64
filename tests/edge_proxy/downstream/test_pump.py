"""Events written by the timer that they fall due by."""

import asyncio

import pytest

from edge_proxy.core.errors import Code
from edge_proxy.core.events import ANSWER, Channel, Delta, Event, Label, Ping
from edge_proxy.core.pacer import Pacer
from edge_proxy.dialects.native import NativeEncoder
from edge_proxy.downstream.pump import Pump, encode
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.wire import Wire
from tests.edge_proxy.downstream.hand_ticker import HandTicker
from tests.edge_proxy.downstream.played_upstream import STOP
from tests.support.virtual_time import settle

NEWER = Label(Channel.OTHER)


class Encoder(NativeEncoder):
    """Fails at a ping, and has no words for what is new."""

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        if isinstance(event, Ping):
            raise RuntimeError("no ping")
        if isinstance(event, Delta) and event.label is NEWER:
            return b""
        return super().encode(event, unix_s=unix_s)


class Pumped:
    """A stream that is being pumped."""

    def __init__(self) -> None:
        self.ticker = HandTicker()
        pacer = Pacer(interval_s=0.05, ping_interval_s=15, timeout_s=120, now=self.ticker.now())
        self.stream = Stream(pacer, self.ticker)
        self.chunks: list[bytes] = []
        self.wire = Wire(self.chunks.append)
        pump = Pump(self.stream, Encoder("w1-1"), self.wire)
        self.running = asyncio.create_task(pump.run())

    def push(self, text: str, index: int) -> None:
        self.stream.push(text, index, now=self.ticker.now())

    def deltas(self) -> list[str]:
        return [chunk.decode().partition('"delta":"')[2].partition('"')[0] for chunk in self.chunks]


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


@pytest.mark.parametrize("text", ["a", "x" * 300])
async def test_a_chunk_is_its_size_in_hexadecimal_and_its_bytes(text: str) -> None:
    pumped = Pumped()
    await settle()
    pumped.push(text, 1)
    size, end, rest = pumped.chunks[0].partition(b"\r\n")
    data = b'event: message\nid: w1-1.1\ndata: {"delta":"%b","isFinal":false}\n\n' % text.encode()
    assert (int(size, 16), end, rest) == (len(data), b"\r\n", data + b"\r\n")
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
    assert not pumped.wire.watchers


async def test_a_full_socket_gathers_one_delta_that_leaves_when_it_takes_bytes_again() -> None:
    pumped = Pumped()
    await settle()
    pumped.push("a", 1)
    pumped.wire.change(False)
    for index in range(2, 8):
        pumped.push("x", index)
        await pumped.ticker.go_to(index / 10)
    assert pumped.deltas() == ["a"]
    pumped.wire.change(True)
    assert pumped.deltas() == ["a", "xxxxxx"]
    pumped.running.cancel()


async def test_a_client_that_leaves_with_a_full_socket_ends_the_pump() -> None:
    pumped = Pumped()
    await settle()
    pumped.wire.change(False)
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


async def test_what_a_dialect_has_no_words_for_does_not_end_the_body() -> None:
    pumped = Pumped()
    await settle()
    pumped.stream.label(NEWER)
    pumped.push("a", 1)  # at once
    pumped.push("b", 2)
    await pumped.ticker.go_to(0.051)  # by the timer
    assert pumped.chunks == []
    pumped.stream.label(ANSWER)
    await pumped.ticker.go_to(0.2)
    pumped.push("c", 3)
    assert pumped.deltas() == ["c"]
    pumped.running.cancel()
