"""Abuse, over and over: whatever clients and links do, edge and worker hold no more after it than before.

`make soak` has SOAK_CYCLES say how many; without it there are few, for every run of the tests.
"""

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass

import pytest

from tests.faults.client import Client
from tests.support import processes
from tests.support.counted import Held
from tests.support.http import PATH, Exchange
from tests.support.relay import Relay
from tests.support.web_socket import Socket
from tests.support.worker_probe import WorkerProbe

CYCLES = int(os.environ.get("SOAK_CYCLES", "100"))
SEED = 20
SETTLES_S = 5.0  # everybody has left by then
KEPT_S = 1.5  # windows and graces are shorter
LOOKS = 5  # at what is held: some of it is on its way out
THREADS = 4  # gRPC's come and go, within bounds of its own
OBJECTS_PER_CYCLE = 0.1
OBJECTS = 100  # what happens to be alive
KILOBYTES_PER_CYCLE = 1.0  # ids that are remembered are a tenth of it
KILOBYTES = 4096  # heaps grow in pieces, whatever for
EDGE = {
    "EDGE_RESUME_WINDOW_S": "1",
    "EDGE_BATCH_INTERVAL_MS": "0",
}
WORKER = {"WORKER_REATTACH_WINDOW_S": "1"}
COUNTED = ["tests.support.counted"]

TOKENS = 60
SHORT = {"prompt": "x", "engine_options": {"tokens": TOKENS, "tokens_per_second": 200}}
LONG = {"prompt": "x", "engine_options": {"tokens": 1_000_000, "tokens_per_second": 100}}
SILENT = {"prompt": "x", "engine_options": {"first_token_delay_ms": 1000}}  # so long the script keeps who has left
HEAD = f"POST {PATH} HTTP/1.1\nContent-Type: application/json"


@dataclass(frozen=True)
class Site:
    """An edge behind which a relay leads to a worker."""

    edge: str
    worker: str
    relay: Relay
    services: tuple[processes.Service, processes.Service]

    async def held(self, turn: int) -> tuple[Held, Held]:
        """What edge and worker hold now."""
        one, other = [await asyncio.to_thread(Held.by, service, turn) for service in self.services]
        return one, other


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    with contextlib.ExitStack() as stack:
        worker, one = stack.enter_context(processes.worker(through=COUNTED, **WORKER))
        async with Relay(worker) as relay:
            starting = processes.edge(relay.address, through=COUNTED, **EDGE)
            edge, other = await asyncio.to_thread(stack.enter_context, starting)
            yield Site(edge, worker, relay, (other, one))
            await asyncio.to_thread(stack.close)


async def connect_and_leave(edge: str) -> None:
    (await Exchange.send(edge, HEAD)).close()


async def leave_within_the_body(edge: str) -> None:
    stream = await Exchange.send(edge, HEAD + "\nContent-Length: 1000")
    await asyncio.sleep(0)
    stream.reset()


async def send_what_is_no_request(edge: str) -> None:
    bad = await Exchange.send(edge, "NONSENSE")
    await bad.read_head()
    bad.close()
    assert bad.status == 400


async def ask_for_what_is_not_given(edge: str) -> None:
    for wrong in ({"prompt": "x", "max_tokens": -1}, {"prompt": "x", "model": "none"}, {}):
        response = await Exchange.post(edge, wrong)
        assert response.status in (400, 404, 422), response.status
        await response.body()


async def read_to_the_end(edge: str) -> None:
    client = await (await Client(SHORT).begin(edge)).read_to_end()
    assert len(client.text().split()) == TOKENS


async def leave_before_the_response(edge: str) -> None:
    (await Exchange.send(edge, HEAD, json.dumps(LONG).encode())).close()


async def leave_before_the_first_token(edge: str) -> None:
    (await Client(SILENT).begin(edge)).leave()


async def leave_in_the_middle(edge: str) -> None:
    for rudely in (False, True):
        (await (await Client(LONG).begin(edge)).read(3)).leave(rudely=rudely)


async def come_back(edge: str) -> None:
    client = await (await Client(SHORT | {"resumable": True}).begin(edge)).read(3)
    client.leave(rudely=True)
    if not client.ended:  # on a machine that was away for long, three events are all
        await (await client.resume(edge)).read_to_end()
    assert len(client.text().split()) == TOKENS


async def never_come_back(edge: str) -> None:
    (await (await Client(LONG | {"resumable": True}).begin(edge)).read(3)).leave(rudely=True)


async def stop(edge: str) -> None:
    client = await (await Client(LONG).begin(edge)).read(3)
    await Exchange.get(edge, f"/api/v1/ai/generations/{client.generation_id}", "DELETE")
    await client.read_to_end()
    assert client.events[-1].json["code"] == "CANCELLED"


async def cut_a_socket(edge: str) -> None:
    async with Socket.open(edge) as socket:
        seen = [await socket.generate(ref, **LONG) for ref in "ab"]
        await socket.read_until(*seen)
        socket.connection.transport.abort()


async def cancel_on_a_socket(edge: str) -> None:
    async with Socket.open(edge) as socket:
        seen = await socket.generate("a", **LONG)
        await socket.read_until(seen)
        await socket.say(type="cancel", ref="a")
        await socket.read_to_end(seen)
        assert seen.last["code"] == "CANCELLED"


WAYS: list[Callable[[str], Awaitable[None]]] = [
    connect_and_leave,
    leave_within_the_body,
    send_what_is_no_request,
    ask_for_what_is_not_given,
    read_to_the_end,
    leave_before_the_response,
    leave_before_the_first_token,
    leave_in_the_middle,
    come_back,
    never_come_back,
    stop,
    cut_a_socket,
    cancel_on_a_socket,
]


async def cut_the_link(here: Site) -> None:
    """Between edge and worker, under streams, which come to their ends."""
    clients = [await (await Client(SHORT).begin(here.edge)).read(3) for _ in range(3)]
    taken = here.relay.taken
    here.relay.cut()
    await asyncio.gather(*(client.read_to_end() for client in clients))
    # On a machine that was away for long, they had all ended before the cut.
    await asyncio.to_thread(
        processes.wait_until,
        lambda: here.relay.taken > taken and processes.ready_workers(here.edge),
        "the link is there again",
    )
    assert [len(client.text().split()) for client in clients] == [TOKENS] * 3


async def abuse(here: Site, cycles: int, chance: random.Random) -> None:
    """So many cycles: each way at once and in any order, and half of the time the link, which forgets with its call."""
    left = cycles
    while left > 0:
        ways = chance.sample(WAYS, min(len(WAYS), left))
        await asyncio.gather(*(way(here.edge) for way in ways))
        left -= len(ways)
        if left > cycles / 2:
            await cut_the_link(here)
            left -= 1


async def settled(here: Site, turn: int) -> tuple[int, tuple[Held, Held]]:
    """What is held when nothing that is kept for a while is kept any more, at the least; and the next turn."""
    async with WorkerProbe(here.worker) as probe:
        await probe.wait_for_running(0, limit_s=SETTLES_S)
    await asyncio.sleep(KEPT_S)
    seen = []
    for _ in range(LOOKS):
        seen.append(await here.held(turn))
        turn += 1
        await asyncio.sleep(0.1)
    edge, worker = [least(helds) for helds in zip(*seen, strict=True)]
    return turn, (edge, worker)


def least(seen: Sequence[Held]) -> Held:
    return Held(*[min(values) for values in zip(*map(astuple, seen), strict=True)])


def as_before(held: Held, before: Held) -> bool:
    return held.tasks <= before.tasks and held.descriptors <= before.descriptors


def assert_no_more(name: str, held: Held, before: Held) -> None:
    said = f"{name}: {before} before {CYCLES} cycles, {held} after"
    print(said)  # noqa: T201 - what a soak is run for
    assert as_before(held, before), said
    assert held.threads <= before.threads + THREADS, said
    assert held.objects <= before.objects + OBJECTS + OBJECTS_PER_CYCLE * CYCLES, said
    assert held.kilobytes <= before.kilobytes + KILOBYTES + KILOBYTES_PER_CYCLE * CYCLES, said


@pytest.mark.long
@pytest.mark.timeout(120 + CYCLES)
async def test_edge_and_worker_hold_no_more_than_before() -> None:
    chance = random.Random(SEED)
    async with site() as here:
        await abuse(here, max(4 * len(WAYS), CYCLES // 4), chance)  # what is made once, and heaps that find their size
        turn, before = await settled(here, 0)
        begin = asyncio.get_running_loop().time()
        await abuse(here, CYCLES, chance)
        took_s = asyncio.get_running_loop().time() - begin
        _, after = await settled(here, turn)
    print(f"\n{CYCLES} cycles in {took_s:.0f} s")  # noqa: T201 - as above
    for name, now, then in zip(("edge", "worker"), after, before, strict=True):
        assert_no_more(name, now, then)
