"""Ten times the load that a worker has places for: what is served, how fast the rest is refused, and what is left.

The load is open-loop: clients come at their instants, whatever became of those before. Capacity is what the worker's
places can hold, in seconds of stream; goodput is the part of it that went into streams which completed in time.
"""

import asyncio
import contextlib
import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_native, check_openai
from tests.support.worker_probe import WorkerProbe

pytestmark = pytest.mark.alone

PLACES = 40
EDGE_STREAMS = 50  # more than the worker has, so that its refusals count, too
STREAM_S = 4.0
RATE = 10 * PLACES / STREAM_S  # clients per second
LOAD_S = float(os.environ.get("OVERLOAD_S", "10"))
RAMP_S = 0.5  # until all places are taken for the first time
IN_TIME = 1.25  # of what a stream takes alone
REFUSED_S = 0.1  # 99 of 100 refusals are there by then, where the machine does not keep the clients waiting
BACK_S = 5.0
GROWTH_BYTES = 32 << 20
ATTEMPTS = 3  # of a client that retries, as OpenAI's SDK does by default: it waits as long as Retry-After says

CHAT = "/v1/chat/completions"
ASKED = {"messages": [{"role": "user", "content": "x"}], "stream": True}
OPTIONS = f"tokens={int(25 * STREAM_S)},tokens_per_second=25"


@dataclass
class Seen:
    """What came of all requests."""

    begin_s: float
    served: list[tuple[float, float]] = field(default_factory=list)  # from when to when
    refused_s: list[float] = field(default_factory=list)  # how long each refusal took
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    noise_s: float = 0.0  # the longest that the clients themselves had to wait for the processor

    def __str__(self) -> str:
        slow_ms, noise_ms = 1000 * self.slow_refusal_s, 1000 * self.noise_s
        found = f"goodput {self.goodput:.1%}, refusals within {slow_ms:.0f} ms (p99), noise {noise_ms:.0f} ms"
        return f"{found}, {self.statuses}, {self.codes}"

    @property
    def goodput(self) -> float:
        """The part of the places' time, between ramp and end of the load, that was well used."""
        first, last = self.begin_s + RAMP_S, self.begin_s + LOAD_S
        good = [span for span in self.served if span[1] - span[0] <= IN_TIME * STREAM_S]
        used = sum(max(0.0, min(end, last) - max(begin, first)) for begin, end in good)
        return used / (PLACES * (last - first))

    @property
    def slow_refusal_s(self) -> float:
        """99 of 100 refusals took no longer."""
        return sorted(self.refused_s)[int(0.99 * len(self.refused_s))]


async def ask(address: str, model: str, seen: Seen) -> str:
    """One request, noted; "" when it was served, else what Retry-After says."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    exchange = await Exchange.post(address, ASKED | {"model": model}, path=CHAT)
    seen.statuses[exchange.status] += 1
    if exchange.status == 200:
        events = await exchange.all_events()
        assert exchange.complete
        assert len(check_openai(events)) == 1
        assert events[-1].data == "[DONE]", f"within a 200: {events[-1]}"
        seen.served.append((begin_s, loop.time()))
        return ""
    seen.refused_s.append(loop.time() - begin_s)
    assert exchange.headers["x-should-retry"] == "true"
    seen.codes[(await exchange.json())["error"]["code"]] += 1
    return exchange.headers["retry-after"]


async def client(address: str, model: str, seen: Seen, attempts: int) -> None:
    for _ in range(attempts):
        retry_after = await ask(address, model, seen)
        if not retry_after:
            return
        await asyncio.sleep(float(retry_after))


async def note_noise(seen: Seen) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + 0.01
        await asyncio.sleep(0.01)
        seen.noise_s = max(seen.noise_s, loop.time() - due_s)


async def open_loop(address: str, model: str, attempts: int) -> Seen:
    """Send clients at the rate, for the load's time; return when it is over, and the clients are done."""
    loop = asyncio.get_running_loop()
    seen = Seen(loop.time())
    noting = asyncio.create_task(note_noise(seen))
    async with asyncio.TaskGroup() as clients:
        for number in itertools.count():
            at = seen.begin_s + number / RATE
            if at >= seen.begin_s + LOAD_S:
                break
            await asyncio.sleep(at - loop.time())
            clients.create_task(client(address, model, seen, attempts))
    noting.cancel()
    return seen


def resident_bytes(service: processes.Service) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


@contextlib.contextmanager
def site(**variables: str) -> Iterator[tuple[str, str, processes.Service]]:
    """Addresses of a worker with few places and of an edge with few more, and the edge's process."""
    few = {"WORKER_MAX_STREAMS": str(PLACES), "WORKER_ENGINE_OPTIONS": OPTIONS}
    limits = {"EDGE_MAX_STREAMS": str(EDGE_STREAMS), "EDGE_MAX_LAG_MS": "250"} | variables
    with processes.worker(**few) as (worker, _), processes.edge(worker, **limits) as (edge, service):
        yield worker, edge, service
        assert "Traceback" not in service.output()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read in /proc")
@pytest.mark.parametrize("attempts", [1, ATTEMPTS], ids=["without retries", "with retries"])
async def test_overload_x10(attempts: int) -> None:
    with site() as (worker, edge, service):
        model = (await (await Exchange.get(edge, "/v1/models")).json())["data"][0]["id"]
        await ask(edge, model, Seen(0.0))
        before = resident_bytes(service)
        seen = await open_loop(edge, model, attempts)
        grown = resident_bytes(service) - before
        assert set(seen.statuses) <= {200, 429, 503}
        assert seen.goodput >= 0.9, str(seen)
        assert seen.slow_refusal_s <= REFUSED_S + 2 * seen.noise_s, str(seen)
        assert grown <= GROWTH_BYTES
        async with WorkerProbe(worker) as probe:
            await probe.wait_for_running(0, limit_s=BACK_S)
        assert await ask(edge, model, Seen(0.0)) == "", "it is served again"


async def test_overload_ends_and_the_next_stream_is_served_soon() -> None:
    with site() as (_, edge, _):
        endless = {"prompt": "x", "engine_options": {"tokens": 10_000}}
        streams = [await Exchange.post(edge, endless) for _ in range(PLACES + 5)]
        assert Counter(stream.status for stream in streams) == {200: PLACES, 429: 5}
        for stream in streams:
            stream.close()
        begin_s = asyncio.get_running_loop().time()
        while (stream := await Exchange.post(edge, {"prompt": "x", "engine_options": {"tokens": 5}})).status != 200:
            await stream.body()
        check_native(await stream.all_events())
        assert asyncio.get_running_loop().time() - begin_s < BACK_S


async def test_overload_of_one_worker_sends_streams_to_the_one_with_room() -> None:
    with (
        processes.worker(WORKER_ID="small", WORKER_MAX_STREAMS="1") as (small, _),
        processes.worker(WORKER_ID="big", WORKER_MAX_STREAMS="6") as (big, _),
        processes.edge(small, big) as (one, one_process),
        processes.edge(small, big) as (other, other_process),
    ):
        for service in (one_process, other_process):
            for name in ("small", "big"):
                await asyncio.to_thread(service.wait_for, rf"is ({name}):")
        endless = {"prompt": "x", "engine_options": {"tokens": 10_000}}
        streams = [await Exchange.post(edge, endless) for edge in [one] * 4 + [other] * 6]
        owners = [stream.headers.get("x-generation-id", "").partition("-")[0] for stream in streams]
        assert sorted(owners[:2]) == ["big", "small"], "both are empty at first, and chance decides"
        assert owners[2:] == ["big"] * 5 + [""] * 3, "the other edge knows at once which worker the one has filled"
        for stream in streams:
            stream.close()


async def test_an_edge_that_is_behind_refuses_until_it_is_not() -> None:
    """Given the processor only one moment in ten, as by a quota, its timers are late."""
    with site() as (_, edge, service):
        refused = None
        for _ in range(20):
            service.send(signal.SIGSTOP)
            await asyncio.sleep(0.6)
            service.send(signal.SIGCONT)
            exchange = await Exchange.post(edge, {"prompt": "x", "engine_options": {"tokens": 1}})
            if exchange.status != 200:
                refused = exchange
                break
            check_native(await exchange.all_events())
        assert refused, "it was late for ten seconds and took on whatever came"
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await refused.json())["code"] == "SERVER_BUSY"
        begin_s = asyncio.get_running_loop().time()
        while (exchange := await Exchange.post(edge, {"prompt": "x", "engine_options": {"tokens": 1}})).status != 200:
            await exchange.body()
            await asyncio.sleep(0.05)
        check_native(await exchange.all_events())
        assert 0.3 < asyncio.get_running_loop().time() - begin_s < BACK_S


async def test_an_edge_that_was_stopped_for_once_takes_streams_at_once() -> None:
    with site() as (_, edge, service):
        service.send(signal.SIGSTOP)
        await asyncio.sleep(2)
        service.send(signal.SIGCONT)
        for _ in range(10):
            exchange = await Exchange.post(edge, {"prompt": "x", "engine_options": {"tokens": 1}})
            assert exchange.status == 200
            check_native(await exchange.all_events())
            await asyncio.sleep(0.1)
