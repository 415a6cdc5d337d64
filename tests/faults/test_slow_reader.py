"""A client does not read, or hardly: it is reset in time, its generation is left, and nobody else notices."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.faults.beside import healthy_stream
from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.raw import Raw, in_thread, post, resident_kib
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

TIMEOUT_S = 1.5
FILLING_S = 6.0  # at most, for both kernels' buffers, on a busy machine
ENDLESS = {"WORKER_ENGINE_OPTIONS": "tokens=10000000,tokens_per_second=20000", "WORKER_MAX_LOG_CHARS": "100000000"}
LONG = ENDLESS | {"WORKER_ENGINE_OPTIONS": "tokens=200000,tokens_per_second=20000"}  # some 2 MB in ten seconds
ARENAS_KIB = 10_240  # what an allocator keeps of a busy moment, or not, from one run to the next
HEALTHY = 1  # the generation beside

NATIVE = post(PATH, json.dumps({"prompt": "x"}).encode())
LINES = NATIVE.replace(b"Host: x", b"Host: x\r\nAccept: application/x-ndjson")
CHAT = {"messages": [{"role": "user", "content": "x"}], "model": "scripted"}
TWO = post("/v1/chat/completions", json.dumps(CHAT | {"stream": True, "n": 2}).encode())
WHOLE = post("/v1/chat/completions", json.dumps(CHAT | {"max_tokens": 60_000}).encode())
UPGRADE = (
    b"GET /api/v1/ai/generate/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Ends(NamedTuple):
    """The addresses of a worker and an edge."""

    worker: str
    edge: str


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    """An edge that waits for a slow reader as long as a test can, before a worker that always has more to say."""
    patience = {"EDGE_SLOW_READER_TIMEOUT_S": str(TIMEOUT_S)}
    with processes.worker(**ENDLESS) as (worker, _), processes.edge(worker, **patience) as (edge, _):
        yield Ends(worker, edge)


def generate(ref: str) -> bytes:
    """A WebSocket's frame that asks, masked with zeros: RFC 6455, section 5.2."""
    text = json.dumps({"type": "generate", "ref": ref, "prompt": "x"}).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


def begun(edge: str, request: bytes, *refs: str) -> Raw:
    """A client that has asked, and for a WebSocket has had its handshake."""
    client = Raw(edge, request, small=True)
    if refs:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.read_some(1)
        client.send(b"".join(map(generate, refs)))
    return client


@pytest.mark.parametrize(
    ("request_bytes", "refs"),
    [
        pytest.param(NATIVE, "", id="a stream"),
        pytest.param(LINES, "", id="a stream of lines"),
        pytest.param(TWO, "", id="two answers in one stream"),
        pytest.param(UPGRADE, "a", id="a WebSocket"),
        pytest.param(UPGRADE, "abcdefgh", id="a WebSocket with many generations"),
        pytest.param(NATIVE.replace(b"HTTP/1.1", b"HTTP/1.0"), "", id="a client of old"),
    ],
)
async def test_who_reads_nothing_is_reset_and_the_generation_left(ends: Ends, request_bytes: bytes, refs: str) -> None:
    async with WorkerProbe(ends.worker) as probe, healthy_stream(ends.edge):
        with await in_thread(begun, ends.edge, request_bytes, *refs) as client:
            await probe.wait_for_running(HEALTHY + (len(refs) or 1 + (request_bytes == TWO)), limit_s=3)
            assert await in_thread(client.wait_for_end, TIMEOUT_S + FILLING_S) >= TIMEOUT_S
            await probe.wait_for_running(HEALTHY, limit_s=3)
            data, was_reset = client.read_to_end()
    assert was_reset
    assert not data.endswith(b"0\r\n\r\n")
    assert b'isFinal":true' not in data
    assert b"[DONE]" not in data


async def test_who_trickles_is_reset(ends: Ends) -> None:
    """Reading a byte now and then keeps nothing alive."""

    def trickle(client: Raw) -> None:
        while client.open:
            assert time.monotonic() - client.opened < TIMEOUT_S + FILLING_S
            client.read_some(1)
            time.sleep(0.05)

    async with WorkerProbe(ends.worker) as probe, healthy_stream(ends.edge):
        with begun(ends.edge, NATIVE) as client:
            await in_thread(trickle, client)
            await probe.wait_for_running(HEALTHY, limit_s=3)
            assert client.read_to_end()[1], "it was reset"


async def test_an_answer_in_one_piece_that_is_not_taken_is_dropped(ends: Ends) -> None:
    async with healthy_stream(ends.edge):
        with begun(ends.edge, WHOLE) as client:
            await in_thread(client.wait_for_end, TIMEOUT_S + FILLING_S + 4)
            data, was_reset = client.read_to_end()
    assert was_reset
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(data) < 10_000


async def test_who_is_slow_but_takes_everything_in_time_gets_all_of_it(ends: Ends) -> None:
    """Much more comes at once than the kernels hold, and is taken steadily for longer than the timeout."""
    body = json.dumps({"prompt": "x", "engine_options": {"tokens": 40_000, "tokens_per_second": 0}}).encode()

    def read_slowly(client: Raw) -> bytes:
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += client.read_some(5_000)
            time.sleep(0.05)
        return data

    async with healthy_stream(ends.edge):
        with begun(ends.edge, post(PATH, body)) as client:
            data = await in_thread(read_slowly, client)
            assert time.monotonic() - client.opened > 2 * TIMEOUT_S
    assert b'"completionTokens":40000' in data


async def test_a_place_comes_back_when_who_held_it_is_reset() -> None:
    """A client that never reads does not keep others out for ever."""
    patience = {"EDGE_SLOW_READER_TIMEOUT_S": str(TIMEOUT_S), "EDGE_MAX_STREAMS": "1"}
    with (
        processes.worker(**ENDLESS) as (worker, _),
        processes.edge(worker, **patience) as (edge, _),
        begun(edge, NATIVE) as client,
    ):
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(1, limit_s=3)
        refused = await Exchange.post(edge, {"prompt": "y"})
        refused.close()
        await in_thread(client.wait_for_end, TIMEOUT_S + FILLING_S)
        taken = await Exchange.post(edge, {"prompt": "y", "engine_options": {"tokens": 10}})
        check_native(await taken.all_events())
    assert (refused.status, taken.status) == (429, 200)


@pytest.mark.long
@pytest.mark.parametrize("request_bytes", [pytest.param(NATIVE, id="a stream"), pytest.param(TWO, id="two answers")])
async def test_what_stuck_clients_do_not_take_is_not_held_for_them_and_nobody_is_harmed(request_bytes: bytes) -> None:
    """Ten of them leave 2 MB unread or twice that, beside ten streams that must come whole."""
    stuck = 10
    with (
        processes.worker(**LONG) as (worker, _),
        processes.edge(worker, EDGE_SLOW_READER_TIMEOUT_S="60") as (edge, service),
        contextlib.ExitStack() as stack,
    ):
        before = resident_kib(service)
        clients = [stack.enter_context(begun(edge, request_bytes)) for _ in range(stuck)]
        async with WorkerProbe(worker) as probe:
            whole = await probe.text(asked("y", tokens=300, tokens_per_second=100))
            await probe.wait_for_running(0, limit_s=60)  # it makes their text whoever reads
        growth = resident_kib(service) - before
        options = {"tokens": 300, "tokens_per_second": 100}
        async with healthy_stream(edge):
            streams = [await Exchange.post(edge, {"prompt": "y", "engine_options": options}) for _ in range(10)]
            all_events = await asyncio.gather(*[stream.all_events() for stream in streams])
        assert all(client.open for client in clients)
    assert [check_native(events) for events in all_events] == [whole] * 10
    assert growth < ARENAS_KIB + stuck * 256, f"{growth} KiB for {stuck} stuck clients"
