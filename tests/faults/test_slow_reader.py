"""A client does not read, or hardly: it is reset in time, its generation is left, and nobody else notices."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.processes import Service
from tests.support.raw import Raw, post
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

TIMEOUT_S = 1.5
FILLING_S = 6.0  # at most, for both kernels' buffers, on a busy machine
FAST = {"tokens": 10_000_000, "tokens_per_second": 20_000}  # some 200 KB/s
NATIVE = post(PATH, json.dumps({"prompt": "x", "engine_options": FAST}).encode())
LINES = NATIVE.replace(b"Host: x", b"Host: x\r\nAccept: application/x-ndjson")
CHAT = {"messages": [{"role": "user", "content": "x"}], "model": "scripted"}
TWO = post("/v1/chat/completions", json.dumps(CHAT | {"stream": True, "n": 2, "engine_options": FAST}).encode())
UPGRADE = (
    b"GET /api/v1/ai/generate/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
GENERATE = json.dumps({"type": "generate", "ref": "a", "prompt": "x", "engine_options": FAST}).encode()
SOCKET = UPGRADE + bytes([0x81, 0x80 | 126]) + len(GENERATE).to_bytes(2, "big") + bytes(4) + GENERATE


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[str, str, Service]]:
    """The addresses of a worker and an edge, and the edge itself."""
    with (
        processes.worker(WORKER_MAX_LOG_CHARS="100000000") as (worker, _),
        processes.edge(worker, EDGE_SLOW_READER_TIMEOUT_S=str(TIMEOUT_S)) as (edge, service),
    ):
        yield worker, edge, service


async def in_thread(call: object, *arguments: object) -> object:
    return await asyncio.get_running_loop().run_in_executor(None, call, *arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(NATIVE, id="a stream"),
        pytest.param(LINES, id="a stream of lines"),
        pytest.param(TWO, id="two answers in one stream"),
        pytest.param(SOCKET, id="a WebSocket"),
        pytest.param(NATIVE.replace(b"HTTP/1.1", b"HTTP/1.0"), id="a client of old"),
    ],
)
async def test_who_reads_nothing_is_reset_and_the_generation_left(
    services: tuple[str, str, Service], request_bytes: bytes
) -> None:
    worker, edge, _ = services
    async with WorkerProbe(worker) as probe:
        with Raw(edge, request_bytes, small=True) as client:
            elapsed = await in_thread(client.wait_for_end, TIMEOUT_S + FILLING_S)
            assert isinstance(elapsed, float)
            assert elapsed >= TIMEOUT_S
            await probe.wait_for_running(0, limit_s=1)
            data, was_reset = client.read_to_end()
    assert was_reset
    assert not data.endswith(b"0\r\n\r\n")
    assert b"isFinal\":true" not in data


async def test_who_trickles_is_reset(services: tuple[str, str, Service]) -> None:
    """Reading a byte now and then keeps nothing alive."""
    worker, edge, _ = services
    async with WorkerProbe(worker) as probe:
        with Raw(edge, NATIVE, small=True) as client:

            def trickle() -> None:
                while client.open:
                    assert time.monotonic() - client.opened < TIMEOUT_S + FILLING_S
                    client.read_some(1)
                    time.sleep(0.05)

            with pytest.raises(ConnectionResetError):
                await in_thread(trickle) or client.read_some(1)
            await probe.wait_for_running(0, limit_s=1)


async def test_an_answer_in_one_piece_that_is_not_taken_is_dropped(services: tuple[str, str, Service]) -> None:
    _, edge, _ = services
    options = {"tokens": 60_000, "tokens_per_second": 0}
    with Raw(edge, post("/v1/chat/completions", json.dumps(CHAT | {"engine_options": options}).encode()), small=True) as (
        client
    ):
        await in_thread(client.wait_for_end, TIMEOUT_S + FILLING_S)
        data, was_reset = client.read_to_end()
        assert was_reset
        assert len(data) < 10_000


async def test_who_is_slow_but_takes_everything_in_time_gets_all_of_it(services: tuple[str, str, Service]) -> None:
    """200 KB/s come, and 100 KB/s are taken: the transport is never idle for the timeout."""
    _, edge, _ = services
    body = json.dumps({"prompt": "x", "engine_options": {"tokens": 40_000, "tokens_per_second": 0}}).encode()
    with Raw(edge, post(PATH, body), small=True) as client:

        def read_slowly() -> bytes:
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                data += client.read_some(5_000)
                time.sleep(0.05)
            return data

        data = await in_thread(read_slowly)
        assert time.monotonic() - client.opened > 2 * TIMEOUT_S
    assert isinstance(data, bytes)
    assert b'"completionTokens":40000' in data


def resident_kib(service: Service) -> int:
    """The edge's memory."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def test_stuck_clients_cost_little_memory_and_harm_nobody() -> None:
    """Twenty of them, for longer than the test, beside ten streams that must come whole."""
    stuck = 20
    with (
        processes.worker(WORKER_MAX_LOG_CHARS="100000000") as (worker, _),
        processes.edge(worker) as (edge, service),
        ThreadPoolExecutor(1),
    ):
        warm = [Raw(edge, NATIVE, small=True) for _ in range(stuck)]  # what is allocated once is not counted
        await asyncio.sleep(1)
        for client in warm:
            client.socket.close()
        before = resident_kib(service)
        clients = [Raw(edge, NATIVE, small=True) for _ in range(stuck)]
        await asyncio.sleep(2)  # for 400 KB of text to each
        options = {"tokens": 300, "tokens_per_second": 100}
        streams = [await Exchange.post(edge, {"prompt": "y", "engine_options": options}) for _ in range(10)]
        all_events = await asyncio.gather(*[stream.all_events() for stream in streams])
        growth = resident_kib(service) - before
        assert all(client.open for client in clients)
        async with WorkerProbe(worker) as probe:
            whole = await probe.text(asked("y", **options))
        for client in clients:
            client.socket.close()
    assert [check_native(events) for events in all_events] == [whole] * 10
    assert growth < stuck * 256, f"{growth} KiB for {stuck} stuck clients"
