"""The watch over what a client does not take. Real clients and sockets: `tests/faults/test_slow_reader.py`."""

import asyncio
import socket

import pytest

from edge_proxy.downstream.unread import MIN_TAKEN_BYTES, Unread, reset
from tests.support.virtual_time import in_virtual_time, until

TIMEOUT_S = 20.0


class Transport(asyncio.Transport):
    """Holds what a test says it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent_bytes = 0
        self.aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0, "the first byte that waits is told of"

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def abort(self) -> None:
        self.aborted = True


def holding(size: int) -> tuple[Unread, Transport]:
    """So much, from now on."""
    transport = Transport()
    unread = Unread(transport, TIMEOUT_S)
    transport.unsent_bytes = size
    unread.begin()
    return unread, transport


@in_virtual_time
async def test_who_takes_nothing_is_reset_at_the_timeout_and_not_before() -> None:
    _, transport = holding(1)
    await until(TIMEOUT_S - 0.1)
    assert not transport.aborted
    await until(TIMEOUT_S)
    assert transport.aborted


@in_virtual_time
async def test_who_takes_all_in_time_stays() -> None:
    unread, transport = holding(100_000)
    await until(TIMEOUT_S - 0.1)
    unread.end()
    await until(10 * TIMEOUT_S)
    assert not transport.aborted


@pytest.mark.parametrize(("rate", "stays"), [(MIN_TAKEN_BYTES, True), (MIN_TAKEN_BYTES - 1, False)])
def test_who_takes_a_long_answer_slowly_stays_but_not_who_trickles(rate: int, stays: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        _, transport = holding(10 * MIN_TAKEN_BYTES)
        for stretch in range(1, 6):
            transport.unsent_bytes -= rate
            await until(stretch * TIMEOUT_S)
        assert transport.aborted is not stays

    run()


@in_virtual_time
async def test_being_told_twice_does_not_give_more_time() -> None:
    unread, transport = holding(1)
    await until(TIMEOUT_S / 2)
    unread.begin()
    await until(TIMEOUT_S)
    assert transport.aborted


async def test_a_reset_is_one_for_the_other_side_too() -> None:
    ours, theirs = asyncio.get_running_loop().create_future(), socket.socket()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            ours.set_result(transport)

    loop = asyncio.get_running_loop()
    async with await loop.create_server(Accepting, "127.0.0.1", 0) as server:
        with theirs:
            theirs.setblocking(False)
            await loop.sock_connect(theirs, server.sockets[0].getsockname())
            reset(await ours)
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(theirs, 1)
