"""SIGTERM and its successors to an edge: what its clients see, what new ones get, and how it ends."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.edge_proxy.test_processes import children, gone
from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.sse import Event, check_native, check_openai
from tests.support.web_socket import Socket
from tests.support.worker_probe import WorkerProbe

ENDLESS = {"tokens": 100_000, "tokens_per_second": 50}
FLOOD = {"tokens": 100_000_000, "tokens_per_second": 0}
CHAT = "/v1/chat/completions"
ASKED = {"role": "user", "content": "x"}
SLACK_S = 0.5  # for a machine that does other things, too
MARGIN_S = 2.0  # above the drain's time: for last events, and for who does not read them


def some_seconds(seconds: float) -> dict[str, object]:
    """A request for a stream that long."""
    return {"prompt": "x", "engine_options": {"tokens": int(50 * seconds), "tokens_per_second": 50}}


class Reading:
    """A stream that is read until it ends; `events` holds what has come."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.events: list[Event] = []
        self.begun = asyncio.Event()
        self.done = asyncio.create_task(self._read())

    @classmethod
    async def begin(cls, address: str, request: dict[str, object]) -> "Reading":
        """Ask, and return once the first event is there."""
        reading = cls(await Exchange.post(address, request))
        assert reading.exchange.status == 200
        await reading.begun.wait()
        return reading

    async def end(self, limit_s: float) -> Event:
        """The last event of a body that ends as it should."""
        await asyncio.wait_for(self.done, limit_s)
        self.exchange.close()
        assert self.exchange.complete
        check_native(self.events)
        return self.events[-1]

    async def _read(self) -> None:
        async for _, event in self.exchange.events():
            self.events.append(event)
            self.begun.set()


@contextlib.contextmanager
def pair(**variables: str) -> Iterator[tuple[str, str, processes.Service]]:
    """Addresses of a worker and an edge, and the edge's process, which must not have complained."""
    with processes.worker() as (worker, _), processes.edge(worker, **variables) as (edge, service):
        yield worker, edge, service
        assert "Traceback" not in service.output()
        assert " ERROR " not in service.output()


@contextlib.contextmanager
def unbounded_pair(**variables: str) -> Iterator[tuple[str, str, processes.Service]]:
    """The same, with a worker that lets a generation have any length."""
    unbounded = {"WORKER_MAX_LOG_CHARS": "1000000000", "WORKER_MAX_TOTAL_CHARS": "4000000000"}
    with processes.worker(**unbounded) as (worker, _), processes.edge(worker, **variables) as (edge, service):
        yield worker, edge, service
        assert "Traceback" not in service.output()
        assert " ERROR " not in service.output()


async def who_takes_little(address: str) -> Exchange:
    """A client of endless text that reads the head of the response and no more, with a small buffer."""
    host, _, port = address.rpartition(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
    exchange = Exchange(*await asyncio.open_connection(sock=raw))
    body = json.dumps({"prompt": "x", "engine_options": FLOOD}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    exchange._writer.write(f"{head}\r\n\r\n".encode() + body)
    await exchange.read_head()
    exchange.pause()
    return exchange


def unsent_bytes(address: str) -> list[int]:
    """What the edge at this address has written to each of its connections, and they have not taken."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(port) and row[3] == "01"]


async def full_buffers(address: str) -> None:
    """Wait until the kernel takes no more for any connection that does not read."""
    before = [0]
    while (unsent := unsent_bytes(address)) != before or not any(unsent):
        before = unsent
        await asyncio.sleep(0.5)  # within which text would have come


async def both_ready(service: processes.Service) -> None:
    """Wait until both processes of an edge have their worker."""
    await asyncio.to_thread(
        processes.wait_until, lambda: len(re.findall(r"worker at \S+ is ", service.output())) == 2, "both are ready"
    )


async def ended(service: processes.Service, limit_s: float) -> float:
    """Wait for its end, which must be a good one; how long that took."""
    begin = time.monotonic()
    assert await asyncio.to_thread(service.process.wait, limit_s) == 0
    return time.monotonic() - begin


async def get(address: str, path: str) -> int:
    """The status of a GET."""
    exchange = await Exchange.get(address, path)
    await exchange.body()
    return exchange.status


async def model(address: str) -> str:
    """The name of a model that an edge has."""
    models = await (await Exchange.get(address, "/v1/models")).json()
    name: str = models["data"][0]["id"]
    return name


async def draining(address: str, service: processes.Service) -> None:
    """Send SIGTERM, and return when new streams are refused."""
    service.send(signal.SIGTERM)
    await asyncio.to_thread(service.wait_for, r"(streams run); they have")
    assert await get(address, "/readyz") == 503


async def test_edge_sigterm_open_streams_complete() -> None:
    with pair() as (worker, edge, service):
        short, longer = await Reading.begin(edge, some_seconds(1)), await Reading.begin(edge, some_seconds(2.5))
        await draining(edge, service)
        for reading in (short, longer):
            assert (await reading.end(10)).json["isFinal"] is True
        assert await ended(service, 3) < 1
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=3)


async def test_edge_sigterm_an_answer_in_one_piece_is_given() -> None:
    body = {"messages": [ASKED], "stream": False}
    options = {"WORKER_ENGINE_OPTIONS": "tokens=75,tokens_per_second=50"}
    with processes.worker(**options) as (worker, _), processes.edge(worker) as (edge, service):
        asked = asyncio.create_task(Exchange.post(edge, body | {"model": await model(edge)}, path=CHAT))
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(1, limit_s=5)
        await draining(edge, service)
        answer = await asked
        assert answer.status == 200
        assert (await answer.json())["usage"]["completion_tokens"] == 75
        assert await ended(service, 3) < 1


async def test_edge_sigterm_new_requests_are_refused_by_a_server_that_still_listens() -> None:
    with pair() as (_, edge, service):
        running = await Reading.begin(edge, some_seconds(2))
        await draining(edge, service)
        for path, body in ((PATH, some_seconds(1)), (CHAT, {"model": "x", "messages": [ASKED]})):
            begin = time.monotonic()
            refused = await Exchange.post(edge, body, path=path)
            assert time.monotonic() - begin < 0.5
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert refused.headers["connection"] == "close"
            assert refused.headers.get("x-should-retry") == ("true" if path == CHAT else None)
            assert b"shutting down" in await refused.body()
        assert await get(edge, "/healthz") == 200
        assert (await running.end(10)).json["isFinal"] is True
        await ended(service, 3)
        with pytest.raises(ConnectionRefusedError):
            await Exchange.get(edge, "/healthz")


async def test_edge_sigterm_settles_first() -> None:
    with pair(EDGE_DRAIN_SETTLE_S="1.5") as (_, edge, service):
        begin = time.monotonic()
        service.send(signal.SIGTERM)
        await asyncio.to_thread(service.wait_for, r"(SIGTERM): stopping")
        assert await get(edge, "/readyz") == 503
        served = await Reading.begin(edge, some_seconds(0.2))
        assert (await served.end(5)).json["isFinal"] is True
        assert time.monotonic() - begin < 1.4, "this machine is too slow for what is asserted here"
        await ended(service, 3)
        assert time.monotonic() - begin >= 1.5


async def test_edge_sigterm_what_runs_too_long_is_told() -> None:
    with pair(EDGE_DRAIN_TIMEOUT_S="1") as (worker, edge, service):
        readings = [await Reading.begin(edge, {"prompt": "x", "engine_options": ENDLESS}) for _ in range(3)]
        service.send(signal.SIGTERM)
        assert await ended(service, 1 + MARGIN_S) > 0.9
        for reading in readings:
            error = (await reading.end(1)).json
            assert (error["code"], error["details"]["retryable"]) == ("SERVER_DRAINING", True)
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=3)


async def test_edge_sigterm_what_runs_too_long_is_told_in_openai_words() -> None:
    options = {"WORKER_ENGINE_OPTIONS": "tokens=1000,tokens_per_second=50"}
    with (
        processes.worker(**options) as (worker, _),
        processes.edge(worker, EDGE_DRAIN_TIMEOUT_S="0") as (edge, service),
    ):
        body = {"model": await model(edge), "messages": [ASKED], "stream": True}
        stream = await Exchange.post(edge, body, path=CHAT)
        service.send(signal.SIGTERM)
        events = await stream.all_events()
        assert stream.complete
        assert events[-1].name == "error"
        check_openai(events)
        await ended(service, MARGIN_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_edge_second_signal_ends_streams_at_once(number: signal.Signals) -> None:
    with pair() as (_, edge, service):
        reading = await Reading.begin(edge, {"prompt": "x", "engine_options": ENDLESS})
        await draining(edge, service)
        service.send(number)
        assert await ended(service, MARGIN_S) < 1
        assert (await reading.end(1)).json["code"] == "SERVER_DRAINING"


async def test_edge_sigterm_web_sockets_finish_what_runs_and_close() -> None:
    with pair() as (_, edge, service):
        async with Socket.open(edge) as busy, Socket.open(edge) as idle:
            running = await busy.generate("a", **some_seconds(1.5))
            await busy.read_until(running)
            await draining(edge, service)
            with pytest.raises(ConnectionClosed):
                await idle.read()
            assert idle.connection.close_code == 1001
            late = await busy.generate("b", **some_seconds(1))
            await busy.read_to_end(running, late)
            assert (late.last["code"], running.last["isFinal"]) == ("SERVER_DRAINING", True)
            with pytest.raises(ConnectionClosed):
                await busy.read()
            assert busy.connection.close_code == 1001
        await ended(service, 3)


async def test_edge_sigterm_web_sockets_that_run_too_long_are_told() -> None:
    with pair(EDGE_DRAIN_TIMEOUT_S="0.5") as (_, edge, service):
        async with Socket.open(edge) as busy:
            running = await busy.generate("a", engine_options=ENDLESS)
            await busy.read_until(running)
            service.send(signal.SIGTERM)
            await busy.read_to_end(running)
            assert running.last["code"] == "SERVER_DRAINING"
        await ended(service, 0.5 + MARGIN_S)


async def test_edge_sigterm_a_client_that_does_not_read_holds_nothing_up() -> None:
    with unbounded_pair(EDGE_DRAIN_TIMEOUT_S="0.5") as (worker, edge, service):
        stuck = await who_takes_little(edge)
        async with Socket.open(edge, max_queue=1) as web_socket, WorkerProbe(worker) as probe:
            await web_socket.generate("a", engine_options=FLOOD)
            await probe.wait_for_running(2, limit_s=5)
            web_socket.connection.transport.pause_reading()
            await full_buffers(edge)
            service.send(signal.SIGTERM)
            assert 0.5 + 1 < await ended(service, 0.5 + MARGIN_S + 1) < 0.5 + MARGIN_S + SLACK_S
            await probe.wait_for_running(0, limit_s=3)
            web_socket.connection.transport.abort()
        stuck.resume()
        await stuck.body()
        assert not stuck.complete, "what was cut must not look complete"


async def test_edge_sigterm_is_passed_on_to_all_processes() -> None:
    with pair(EDGE_PROCESSES="2") as (_, edge, service):
        await both_ready(service)
        readings = [await Reading.begin(edge, some_seconds(2)) for _ in range(8)]
        service.send(signal.SIGTERM)
        for reading in readings:
            assert (await reading.end(10)).json["isFinal"] is True
        await ended(service, 3)
        assert service.output().count("Edge has stopped.") == 2


async def test_edge_sigint_is_passed_on_to_all_processes() -> None:
    with pair(EDGE_PROCESSES="2") as (_, edge, service):
        await both_ready(service)
        pids = children(service)
        readings = [await Reading.begin(edge, {"prompt": "x", "engine_options": ENDLESS}) for _ in range(4)]
        service.send(signal.SIGINT)
        assert await ended(service, MARGIN_S) < MARGIN_S
        for reading in readings:
            assert (await reading.end(1)).json["code"] == "SERVER_DRAINING"
        assert all(map(gone, pids))
