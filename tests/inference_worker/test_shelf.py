"""How long a generation is held. Who starts and who ends it: test_registry."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from inference_worker.status import Code, Refused
from tests.inference_worker.registries import STALLED, ending_of, make_registry, make_request, start, unheard
from tests.support.virtual_time import in_virtual_time


@pytest.mark.parametrize(("window_s", "grace_s", "kept_s"), [(0, 2, 2), (5, 2, 5), (1, 2, 2)])
@in_virtual_time
async def test_the_longer_of_window_and_grace_counts(window_s: float, grace_s: float, kept_s: float) -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED, resume_window_s=window_s))
    registry.leave(generation, unheard, grace_s=grace_s)
    await asyncio.sleep(kept_s - 0.1)
    assert registry.has(generation.id)
    await asyncio.sleep(0.2)
    assert not registry.has(generation.id)


@in_virtual_time
async def test_one_that_has_ended_is_held_for_its_window_too() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(resume_window_s=5))
    await ending_of(generation)
    registry.leave(generation, unheard)
    assert registry.find(generation.id, 3) is generation
    with pytest.raises(Refused) as refused:
        registry.find(generation.id, 4)
    assert refused.value.failed.code is Code.FAILED_PRECONDITION


def code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.failed.code


@in_virtual_time
async def test_to_who_is_not_its_owner_there_is_none_whatever_else_is_wrong() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(resume_window_s=5, owner="alice"))
    await ending_of(generation)
    for other in ("bob", "", "alice2", "Alice"):
        for index in (0, 3, 4, 99):
            assert code_of(partial(registry.find, generation.id, index, other)) is Code.NOT_FOUND
        assert code_of(partial(registry.cancel, generation.id, other)) is Code.NOT_FOUND
    assert registry.find(generation.id, 0, "alice") is generation


@in_virtual_time
async def test_that_it_is_gone_is_told_to_its_owner_alone() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(owner="alice"))
    await ending_of(generation)
    registry.leave(generation, unheard)
    assert code_of(lambda: registry.find(generation.id, 0, "alice")) is Code.OUT_OF_RANGE
    assert code_of(lambda: registry.find(generation.id, 0, "bob")) is Code.NOT_FOUND


@in_virtual_time
async def test_its_owner_stops_it() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED, owner="alice"))
    registry.cancel(generation.id, "alice")
    assert generation.log.ending is not None
