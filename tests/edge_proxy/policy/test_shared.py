"""Against a real server: what is tested is what its scripts do."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest
import uvloop
from redis.asyncio import Redis

from edge_proxy.core.account import Account
from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Amounts, Quota, Unit, quotas
from edge_proxy.policy.books import OwnBooks, Read, Taken, Taking
from edge_proxy.policy.limits import PATIENCE_S
from edge_proxy.policy.scripts import LEASE_S, key
from edge_proxy.policy.shared import RETRY_S, SharedBooks
from tests.edge_proxy.upstream.readers import eventually
from tests.support.redis_server import Server, redis_server

LIMITS = quotas(Limits(requests_per_minute=3, tokens_per_minute=1000, tokens_per_day=10_000, streams=2), Limits())
ASKED = Amounts(requests=1, tokens=100, streams=1)
NOTHING = Amounts()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis_server() as running:
        yield running


class Clock:
    """Instants that the test sets, for the server too."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def books(
    server: Server, clock: Clock | None = None, *, clear: bool = True, patience_s: float = 10
) -> AsyncIterator[SharedBooks]:
    """Those of one edge, patient unless the test is about that: this machine may have other things to do."""
    if clear:
        async with Redis.from_url(server.url) as redis:
            await redis.flushall()
    made = SharedBooks(server.url, OwnBooks(clock or time.monotonic), clock, patience_s=patience_s)
    try:
        yield made
    finally:
        await made.stop()


async def take(shared: SharedBooks, asked: Amounts = ASKED, limits: tuple[Quota, ...] = LIMITS) -> Taken:
    return await shared.take(Taking("k", limits, asked))


async def remaining(shared: SharedBooks) -> list[int]:
    return [left.remaining for left in (await take(shared, NOTHING)).verdict.standing]


async def written(shared: SharedBooks) -> None:
    """Wait until what was settled is."""
    await eventually(lambda: not shared._settling)


async def test_two_edges_share_what_there_is(server: Server) -> None:
    async with books(server) as one, books(server, clear=False) as other:
        granted = [(await take(one, Amounts(1, 10, 0))).verdict.granted for _ in range(2)]
        granted += [(await take(other, Amounts(1, 10, 0))).verdict.granted for _ in range(2)]
        assert granted == [True, True, True, False]
        assert await remaining(one) == await remaining(other) == [0, 970, 9970, 2]


async def test_a_refusal_says_how_long_to_wait_and_takes_nothing(server: Server) -> None:
    clock = Clock()
    async with books(server, clock) as shared:
        for _ in range(3):
            await take(shared, Amounts(1, 10, 0))
            clock.now += 0.5
        refused = (await take(shared)).verdict
        assert not refused.granted
        left = refused.standing[0]
        assert (left.remaining, left.wait_s, left.more_s, left.full_s) == (0, 59.5, 59.5, 60.5)
        assert [one.violated for one in refused.standing] == [True, False, False, False]
        clock.now += left.wait_s
        assert (await take(shared)).verdict.granted


async def test_it_decides_as_an_account_does_whatever_is_asked_for(server: Server) -> None:
    """The scripts and the account are two writings of one rule: they are held against each other at random."""
    random, clock, account = Random(7), Clock(), Account()
    running: list[tuple[Taken, float]] = []
    async with books(server, clock) as shared:
        for _ in range(600):
            clock.now += random.choice([0, 0, 0.001, 0.5, 7, 61, 4000])
            if running and random.random() < 0.4:
                taken, at = running.pop(random.randrange(len(running)))
                used = Amounts(random.randrange(2), random.randrange(300))
                shared.settle(taken, used, None)
                await written(shared)
                account.settle(LIMITS, taken.taking.asked, used, at=at, now=clock.now)
            asked = Amounts(1, random.randrange(600), random.randrange(1, 3))
            await shared.renew()  # or leases end, which an account does not have
            taken = await take(shared, asked)
            expected = account.take(LIMITS, asked, now=clock.now)
            assert taken.verdict.granted == expected.granted
            for said, meant in zip(taken.verdict.standing, expected.standing, strict=True):
                assert said.remaining == meant.remaining
                assert said[2:] == pytest.approx(meant[2:], abs=1e-5)
            if expected.granted:
                running.append((taken, clock.now))


async def test_what_is_settled_is_charged_and_the_place_is_free_at_once(server: Server) -> None:
    async with books(server) as shared:
        first, _ = await take(shared), await take(shared)
        assert not (await take(shared, Amounts(0, 0, 1))).verdict.granted
        shared.settle(first, Amounts(1, 30), None)
        assert (await take(shared, Amounts(0, 0, 1))).verdict.granted  # without waiting for what is being written
        assert await remaining(shared) == [1, 870, 9870, 0]


async def test_what_is_read_again_on_another_edge_is_paid_for_once(server: Server) -> None:
    async with books(server) as one, books(server, clear=False) as other:
        one.settle(await take(one), Amounts(1, 40), Read("w1-1", 0, 40, again=False))
        await written(one)
        back = await take(other, Amounts(1, 0, 1))
        other.settle(back, Amounts(1), Read("w1-1", 35, 50, again=True))
        await written(other)
        assert await remaining(one) == [1, 950, 9950, 2]


async def test_the_streams_of_an_edge_that_died_count_until_their_lease_ends(server: Server) -> None:
    clock = Clock()
    async with books(server, clock) as alive, books(server, clock, clear=False) as dead:
        await take(alive, Amounts(0, 0, 1))
        await take(dead, Amounts(0, 0, 1))
        clock.now += LEASE_S - 1
        await alive.renew()
        assert (await remaining(alive))[-1] == 0
        clock.now += 2
        assert (await remaining(alive))[-1] == 1


async def test_a_stream_that_ends_while_leases_are_renewed_does_not_count_on(server: Server) -> None:
    async with books(server) as shared:
        taken = await take(shared)
        renewing = asyncio.create_task(shared.renew())
        await asyncio.sleep(0)
        shared._streams.clear()  # as by its end; what it says to the server came before the renewal
        async with Redis.from_url(server.url) as redis:
            await redis.zrem(key("k", "streams"), f"{taken.shared_id}:1")
        await renewing
        assert (await remaining(shared))[-1] == 2


async def test_leases_are_renewed_by_themselves(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_proxy.policy.shared.RENEW_S", 0.01)
    clock = Clock()
    async with books(server, clock) as shared:
        shared.start()
        taken = await take(shared)
        clock.now += LEASE_S - 1
        async with Redis.from_url(server.url) as redis:
            until = clock.now + LEASE_S
            for _ in range(1000):
                score = await redis.zscore(key("k", "streams"), f"{taken.shared_id}:1")
                if score == until:
                    break
                await asyncio.sleep(0.005)
            assert score == until


async def test_nothing_is_kept_that_nobody_needs_any_more(server: Server) -> None:
    async with books(server) as shared:
        taken = await take(shared)
        shared.settle(taken, Amounts(1, 30), Read("w1-1", 0, 30, again=False))
        await take(shared)
        await written(shared)
        async with Redis.from_url(server.url, decode_responses=True) as redis:
            kept = {str(name).removeprefix("token-relay:"): await redis.ttl(name) for name in await redis.keys()}
    limits = {"key:k:requests": 62, "key:k:tokens": 62, "key:k:tokens-per-day": 88_200, "key:k:streams": 31}
    assert {name: 0 < kept[name] <= limit for name, limit in (limits | {"read:w1-1": 3600}).items()} == dict.fromkeys(
        [*limits, "read:w1-1"], True
    )
    assert len(kept) == 5


async def test_a_greedy_caller_gets_its_share_and_no_more_and_others_lose_nothing(server: Server) -> None:
    """Windows of 2 s, so that several pass; the server's own clock."""
    limits = (Quota("requests", Unit.REQUESTS, 40, 2.0, 60),)
    granted: dict[str, list[float]] = {"greedy": [], "calm": []}
    begin = time.monotonic()

    async def ask(shared: SharedBooks, key_id: str, gap_s: float) -> None:
        while time.monotonic() < begin + 6:
            taken = await shared.take(Taking(key_id, limits, Amounts(1)))
            if taken.verdict.granted:
                granted[key_id].append(time.monotonic())
            await asyncio.sleep(gap_s)

    async with books(server) as one, books(server, clear=False) as other:
        greedy = [ask(shared, "greedy", 0.005) for shared in (one, other) for _ in range(4)]
        await asyncio.gather(*greedy, *[ask(shared, "calm", 0.2) for shared in (one, other)])
        assert not one.away
        assert not other.away
    for at in granted["greedy"]:
        assert sum(at <= other < at + 1.9 for other in granted["greedy"]) <= 40
    assert 0.95 * 3 * 40 <= len(granted["greedy"]) <= 3 * 40
    assert len(granted["calm"]) >= 0.95 * 2 * 6 / 0.25  # it was refused nothing: what it lost is its own lateness


@pytest.fixture
def own_server() -> Iterator[Server]:
    """For who stops it."""
    with redis_server() as running:
        yield running


async def test_without_its_server_an_edge_goes_by_what_it_has_granted_and_says_so_once(
    own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "edge_proxy.policy.shared")
    async with books(own_server) as shared:
        first = await take(shared)
        own_server.kill()
        second = await take(shared)
        assert second.verdict.granted
        assert await remaining(shared) == [1, 800, 9800, 0]
        assert not (await take(shared)).verdict.granted  # two streams run
        shared.settle(first, Amounts(1, 30), None)
        shared.settle(second, Amounts(1, 30), None)
        assert await remaining(shared) == [1, 940, 9940, 2]
        own_server.start()
        loop = asyncio.get_running_loop()
        until = loop.time() + RETRY_S + 5
        while shared.away:
            assert loop.time() < until
            await take(shared, NOTHING)
            await asyncio.sleep(0.02)
        assert (await take(shared)).shared_id
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "is away" in caplog.messages[0]
    assert "there again" in caplog.messages[1]


async def test_a_server_that_hangs_is_waited_for_once_a_second_at_most_and_its_late_answers_are_nobodys(
    own_server: Server,
) -> None:
    loop = asyncio.get_running_loop()
    async with books(own_server, patience_s=PATIENCE_S) as shared:
        await take(shared, NOTHING)
        own_server.freeze()
        begin = loop.time()
        assert [(await take(shared, Amounts(1))).verdict.granted for _ in range(4)] == [True, True, True, False]
        assert loop.time() - begin < 2 * PATIENCE_S + 0.2
        own_server.thaw()
        until = loop.time() + RETRY_S + 5
        while shared.away:
            assert loop.time() < until
            await take(shared, NOTHING)
            await asyncio.sleep(0.02)
        # The frozen take may have been carried out when the server went on: at most one request.
        assert (await remaining(shared))[0] in (2, 3)
        for asked in (Amounts(0, 10), Amounts(0, 20)):
            before = await remaining(shared)
            taken = await take(shared, asked)
            assert taken.verdict.standing[1].remaining == before[1] - asked.tokens


def test_an_answer_that_is_there_counts_though_this_process_was_late(server: Server) -> None:
    async def run() -> None:
        async with books(server, patience_s=PATIENCE_S) as shared:
            await take(shared, NOTHING)
            asking = asyncio.create_task(take(shared, NOTHING))
            for _ in range(5):  # it has sent its question, and
                await asyncio.sleep(0)
            time.sleep(2 * PATIENCE_S)  # noqa: ASYNC251 - this process does not run for a while
            assert (await asking).shared_id
            assert not shared.away

    uvloop.run(run())  # as edges do: it looks at its timers before it reads


async def test_while_one_request_tries_the_server_again_the_others_do_not_wait(own_server: Server) -> None:
    async with books(own_server, patience_s=PATIENCE_S) as shared:
        own_server.freeze()
        await take(shared, NOTHING)
        assert shared.away
        shared._try_at = 0.0
        asking = [asyncio.create_task(take(shared, NOTHING)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [task.done() for task in asking].count(False) == 1
        await asyncio.wait(asking)


async def test_an_error_of_the_server_is_no_error_of_a_request(server: Server) -> None:
    async with books(server) as shared:
        async with Redis.from_url(server.url) as redis:
            await redis.set(key("k", "requests"), "no hash")
        assert (await take(shared)).verdict.granted
        assert shared.away


def test_an_address_that_is_none_is_noticed_at_the_start() -> None:
    with pytest.raises(ValueError, match="scheme"):
        SharedBooks("http://127.0.0.1", OwnBooks(), patience_s=PATIENCE_S)
