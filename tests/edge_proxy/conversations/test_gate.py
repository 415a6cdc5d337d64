import asyncio

import pytest

from edge_proxy.conversations.gate import Gate


async def enter(gate: Gate, name: str, order: list[str], *, urgent: bool = False) -> None:
    await gate.enter(urgent=urgent)
    order.append(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_urgent_goes_first_and_else_who_came_first() -> None:
    gate, order = Gate(1), list[str]()
    await gate.enter(urgent=False)
    names = [("a", False), ("b", False), ("c", True), ("d", True)]
    tasks = [asyncio.create_task(enter(gate, name, order, urgent=urgent)) for name, urgent in names]
    await settle()
    assert order == []
    for _ in tasks:
        gate.leave()
        await settle()
    assert order == ["c", "d", "a", "b"]


async def test_so_many_as_there_are_places_enter_at_once() -> None:
    gate, order = Gate(2), list[str]()
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in "abc"]
    await settle()
    assert order == ["a", "b"]
    gate.leave()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]


async def test_who_gives_up_waiting_takes_no_place_with_him() -> None:
    gate, order = Gate(1), list[str]()
    await gate.enter(urgent=False)
    gone, given = (asyncio.create_task(enter(gate, name, order)) for name in "ab")
    await settle()
    gone.cancel()
    await settle()
    gate.leave()
    given.cancel()  # in the very turn of the loop in which it is its turn
    for task in (gone, given):
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(gate.enter(urgent=False), 1)
    assert order == []
