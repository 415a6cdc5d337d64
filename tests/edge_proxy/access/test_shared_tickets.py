"""Tickets in a real server, seen by two edges."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from edge_proxy.access.shared_tickets import SharedStore
from edge_proxy.access.tickets import MAX_UNUSED, Tickets
from edge_proxy.core.caller import Caller, Limits
from edge_proxy.core.errors import Code, Refused
from tests.support.redis_server import Server, redis_server

ALICE = Caller(key_id="3f9a1c2b4d5e", owner="alice", limits=Limits(streams=4))
BOB = Caller(key_id="000000000000", owner="bob")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis_server() as running:
        yield running


@contextlib.asynccontextmanager
async def edges(server: Server, count: int = 2) -> AsyncIterator[list[Tickets]]:
    all_tickets = [Tickets(SharedStore(server.url), lambda caller: caller) for _ in range(count)]
    try:
        yield all_tickets
    finally:
        for tickets in all_tickets:
            await tickets.close()


async def test_a_ticket_of_one_edge_is_good_at_the_other_once(server: Server) -> None:
    async with edges(server) as (one, other):
        ticket = await one.issue(ALICE)
        assert await other.redeem(ticket) == ALICE
        assert await one.redeem(ticket) is None
        assert await other.redeem("x" * 43) is None


async def test_of_many_who_come_at_once_with_one_ticket_one_gets_in(server: Server) -> None:
    async with edges(server, 4) as all_tickets:
        ticket = await all_tickets[0].issue(BOB)
        let_in = await asyncio.gather(*[tickets.redeem(ticket) for tickets in all_tickets * 5])
        assert (let_in.count(BOB), let_in.count(None)) == (1, 19)


async def test_a_ticket_is_old_after_its_life(server: Server) -> None:
    store = SharedStore(server.url)
    assert await store.put("short", "value", owner="x", life_s=0.02)
    assert await store.put("long", "value", owner="x", life_s=60)
    await asyncio.sleep(0.1)  # of the server's clock, which no test turns
    assert await store.take("short") is None
    assert await store.take("long") == "value"
    await store.close()


async def test_a_key_has_so_many_unused_at_all_edges_together(server: Server) -> None:
    carol = Caller(key_id="carol", owner="carol")
    async with edges(server) as all_tickets:
        given = [await all_tickets[number % 2].issue(carol) for number in range(MAX_UNUSED)]
        for tickets in all_tickets:
            with pytest.raises(Refused) as caught:
                await tickets.issue(carol)
            assert caught.value.failure.code is Code.OVERLOADED
        assert await all_tickets[0].issue(BOB)
        assert await all_tickets[1].redeem(given[0]) == carol
        assert await all_tickets[0].issue(carol)


async def test_without_the_server_nobody_is_let_in_and_it_is_said_why() -> None:
    with redis_server() as running:
        async with edges(running, 1) as (tickets,):
            ticket = await tickets.issue(ALICE)
            running.kill()
            for attempt in (tickets.redeem(ticket), tickets.issue(ALICE)):
                with pytest.raises(Refused) as caught:
                    await attempt
                assert caught.value.failure.code is Code.SERVER_BUSY
            running.start()
            assert await tickets.redeem(ticket) is None, "the server was empty"
