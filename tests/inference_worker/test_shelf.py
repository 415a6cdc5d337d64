"""How long a generation is held. Who starts and who ends it: test_registry."""

import asyncio

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
