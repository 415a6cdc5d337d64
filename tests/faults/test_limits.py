"""Two edges that share what callers may use, and the server that they share it by going away."""

import asyncio
import hashlib
import json
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.redis_server import Server, redis_server
from tests.support.sse import Event, check_native

pytestmark = pytest.mark.alone  # an edge that waits too long for the server goes on by itself

SHORT = {"prompt": "x", "engine_options": {"tokens_per_second": 0, "tokens": 5}}
LONG = {"prompt": "x", "engine_options": {"tokens_per_second": 25, "tokens": 75}}
SHARE = 100  # requests a minute
LOAD_S = 6.0
CALM = 9  # keys that ask for what they may
CALM_GAP_S = 0.4
PATIENCE_S = 1.0  # in which a request is decided: 0.1 s alone, and this machine's noise


class Site:
    """Two edges and a worker, and the server that the edges share."""

    def __init__(self, server: Server, edges: list[tuple[str, processes.Service]]) -> None:
        self.server = server
        self.addresses = [address for address, _ in edges]
        self.services = [service for _, service in edges]

    def complaints(self) -> list[list[str]]:
        """What each edge has logged of its server."""
        return [
            [line for line in service.output().splitlines() if "shared limits" in line] for service in self.services
        ]


@contextmanager
def site(**variables: str) -> Iterator[Site]:
    with redis_server() as server, processes.worker() as (worker, _):
        given = {"EDGE_REDIS_URL": server.url} | variables
        with processes.edge(worker, **given) as one, processes.edge(worker, **given) as other:
            here = Site(server, [one, other])
            yield here
            assert all("Traceback" not in service.output() for service in here.services)


def make_key(name: str, **limits: int) -> tuple[str, str]:
    """A key, and the line that it is stored by."""
    key_id = secrets.token_hex(6)
    key = f"tr_{key_id}_{secrets.token_urlsafe(32)}"
    stored = {"id": key_id, "name": name, "owner": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}
    return key, json.dumps(stored | limits)


async def ask(address: str, asked: Mapping[str, object] = SHORT, key: str = "") -> Exchange:
    """A request whose head has been answered."""
    head = f"POST {PATH} HTTP/1.1\nContent-Type: application/json"
    head += f"\nAuthorization: Bearer {key}" if key else ""
    exchange = await Exchange.send(address, head, json.dumps(asked).encode())
    await exchange.read_head()
    return exchange


async def served(address: str, key: str = "") -> int:
    """The status of a short request, when its response is over."""
    exchange = await ask(address, key=key)
    if exchange.status == 200:
        check_native(await exchange.all_events())
    exchange.close()
    return exchange.status


async def keep_asking(address: str, statuses: Counter[int], gap_s: float, key: str = "") -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + LOAD_S
    while loop.time() < until:
        statuses[await served(address, key)] += 1
        await asyncio.sleep(gap_s)


async def test_a_greedy_key_gets_its_share_of_two_edges_and_the_others_lose_nothing() -> None:
    greedy, *calm = [make_key(f"k{number}", requests_per_minute=SHARE) for number in range(1 + CALM)]
    keys = "\n".join(line for _, line in (greedy, *calm))
    with site(EDGE_API_KEYS=keys, EDGE_REDIS_TIMEOUT_MS="5000") as here:  # a busy machine is no server that is away
        got, of_calm = Counter[int](), Counter[int]()
        async with asyncio.TaskGroup() as clients:
            for address in here.addresses:
                for _ in range(3):
                    clients.create_task(keep_asking(address, got, 0.01, greedy[0]))
            for number, (key, _) in enumerate(calm):
                clients.create_task(keep_asking(here.addresses[number % 2], of_calm, CALM_GAP_S, key))
        assert 0.95 * SHARE <= got[200] <= SHARE, got
        assert got[429] > SHARE, "it was greedy"
        assert set(got) == {200, 429}
        assert of_calm[200] >= 0.95 * of_calm.total(), of_calm
        assert of_calm.total() >= 0.5 * CALM * LOAD_S / CALM_GAP_S, "they were kept waiting"
        assert here.complaints() == [[], []]


async def test_streams_at_once_are_counted_over_two_edges() -> None:
    with site(EDGE_KEY_STREAMS="3") as here:
        streams = [await ask(here.addresses[number % 2], LONG) for number in range(6)]
        assert Counter(stream.status for stream in streams) == {200: 3, 429: 3}
        assert {stream.headers["retry-after"] for stream in streams if stream.status == 429} == {"1"}
        for stream in streams:
            if stream.status == 200:
                check_native(await stream.all_events())
            stream.close()
        for address in here.addresses:
            await until_served(address)


async def until_served(address: str) -> None:
    """A place that has been left is free on the other edge within a round trip or two."""
    for _ in range(100):
        if await served(address) == 200:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no place was given back")


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_when_the_shared_server_goes_away_streams_go_on_and_nobody_is_told_of_it(how: str) -> None:
    with site(EDGE_KEY_REQUESTS_PER_MINUTE="30", EDGE_KEY_STREAMS="20") as here:
        loop = asyncio.get_running_loop()
        running = [await ask(address, LONG) for address in here.addresses * 4]
        assert {stream.status for stream in running} == {200}
        here.server.kill() if how == "killed" else here.server.freeze()
        statuses, waits = Counter[int](), []
        for address in here.addresses * 30:
            begin_s = loop.time()
            statuses[await served(address)] += 1
            waits.append(loop.time() - begin_s)
        assert statuses[429] + statuses[200] == 60, statuses
        assert statuses[200] == 2 * (30 - 4), "each edge goes on from what it has granted itself"
        assert max(waits) < PATIENCE_S
        for stream in running:
            check_native(await stream.all_events())
            assert stream.complete
        assert [len(lines) for lines in here.complaints()] == [1, 1]
        if how == "killed":
            here.server.start()
        else:
            here.server.thaw()
        await until_back(here)


async def until_back(here: Site) -> None:
    """Both edges go by the server again, and say so."""
    for _ in range(250):
        for address in here.addresses:
            assert await served(address) in (200, 429)
        if all("there again" in lines[-1] for lines in here.complaints()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("they do not find the server again")


async def test_an_edge_that_is_stopped_gives_its_streams_back() -> None:
    with site(EDGE_KEY_STREAMS="2") as here:
        running = [await ask(here.addresses[0], LONG) for _ in range(2)]
        assert [stream.status for stream in running] == [200, 200]
        assert await served(here.addresses[1]) == 429
        here.services[0].send(signal.SIGINT)
        here.services[0].process.wait(10)
        await until_served(here.addresses[1])
        for stream in running:
            stream.close()


async def test_a_generation_that_is_moved_to_another_worker_is_charged_once() -> None:
    with processes.worker(WORKER_ID="one") as (one, first), processes.worker(WORKER_ID="other") as (other, second):
        limits = {"EDGE_KEY_TOKENS_PER_MINUTE": "1000", "EDGE_KEY_REQUESTS_PER_MINUTE": "10"}
        with processes.edge(one, other, **limits) as (edge, _):
            stream = await ask(edge, LONG)
            events = [event async for _, event in first_of(stream, 5)]
            worker = first if stream.headers["x-generation-id"].startswith("one-") else second
            worker.send(signal.SIGKILL)
            events += await stream.all_events()
            check_native(events)
            usage = json.loads(events[-1].data)["usage"]
            assert usage["completionTokens"] == 75
            after = await ask(edge, SHORT | {"max_tokens": 1})
            left = 1000 - usage["promptTokens"] - usage["completionTokens"] - 2
            assert after.headers["ratelimit"].startswith('"requests";r=8;t=')
            assert f'"tokens";r={left};' in after.headers["ratelimit"]
            after.close()


async def first_of(stream: Exchange, count: int) -> AsyncIterator[tuple[float, Event]]:
    """So many events; the rest is read later."""
    events = stream.events()
    for _ in range(count):
        yield await anext(events)
