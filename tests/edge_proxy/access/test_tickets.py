import pytest

from edge_proxy.access.tickets import LIFE_S, MAX_UNUSED, LocalStore, Tickets
from edge_proxy.core.caller import ANYONE, Caller, Limits
from edge_proxy.core.errors import Code, Refused

ALICE = Caller(key_id="3f9a1c2b4d5e", owner="alice", limits=Limits(streams=4), expires_unix_s=9.0)
BOB = Caller(key_id="000000000000", owner="bob")


class Bench:
    """Tickets before a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.gone: list[Caller] = []
        self.store = LocalStore(now=lambda: self.now)
        self.tickets = Tickets(self.store, lambda caller: None if caller in self.gone else caller)


async def test_a_ticket_is_who_it_was_given_to() -> None:
    bench = Bench()
    first, second = await bench.tickets.issue(ALICE), await bench.tickets.issue(BOB)
    assert await bench.tickets.redeem(second) == BOB
    assert await bench.tickets.redeem(first) == ALICE


async def test_a_ticket_is_good_once() -> None:
    bench = Bench()
    ticket = await bench.tickets.issue(ALICE)
    assert await bench.tickets.redeem(ticket)
    assert await bench.tickets.redeem(ticket) is None


async def test_a_ticket_is_good_for_a_minute() -> None:
    bench = Bench()
    first, second = await bench.tickets.issue(ALICE), await bench.tickets.issue(ALICE)
    bench.now += LIFE_S - 0.1
    assert await bench.tickets.redeem(first)
    bench.now += 0.1
    assert LIFE_S == 60
    assert await bench.tickets.redeem(second) is None


async def test_a_ticket_is_nothing_once_its_key_is_revoked() -> None:
    bench = Bench()
    ticket = await bench.tickets.issue(ALICE)
    bench.gone.append(ALICE)
    assert await bench.tickets.redeem(ticket) is None


@pytest.mark.parametrize("ticket", ["", "x" * 43, "x" * 10_000, "é"])
async def test_what_is_no_ticket_is_nobodys(ticket: str) -> None:
    bench = Bench()
    await bench.tickets.issue(ALICE)
    assert await bench.tickets.redeem(ticket) is None


async def test_tickets_are_random_and_kept_by_their_hash_alone() -> None:
    bench = Bench()
    tickets = {await bench.tickets.issue(ALICE) for _ in range(MAX_UNUSED)}
    assert {len(ticket) for ticket in tickets} == {43}, "256 bits"
    assert len(tickets) == MAX_UNUSED
    assert not any(ticket in repr(bench.store._kept) for ticket in tickets)


async def test_a_key_has_so_many_unused_and_others_do_not_feel_it() -> None:
    bench = Bench()
    tickets = [await bench.tickets.issue(ALICE) for _ in range(MAX_UNUSED)]
    with pytest.raises(Refused) as caught:
        await bench.tickets.issue(ALICE)
    assert caught.value.failure.code is Code.OVERLOADED
    assert await bench.tickets.issue(BOB)
    assert await bench.tickets.redeem(tickets[50])
    assert await bench.tickets.issue(ALICE)


async def test_old_tickets_take_no_room() -> None:
    bench = Bench()
    for _ in range(MAX_UNUSED):
        await bench.tickets.issue(ALICE)
    bench.now += LIFE_S
    await bench.tickets.issue(BOB)
    assert len(bench.store._kept) == 1
    assert dict(bench.store._of_owner) == {BOB.key_id: 1}


async def test_where_no_key_is_asked_for_tickets_are_given_and_not_kept() -> None:
    bench = Bench()
    assert len(await bench.tickets.issue(ANYONE)) == 43
    assert not bench.store._kept
