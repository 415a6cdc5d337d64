"""How generations of the registry end before their engine does: left, late, cancelled, shut down."""

import asyncio
from collections.abc import Callable

import pytest

from inference_worker.engines.base import Finish, Sink
from inference_worker.generation import Finished
from inference_worker.registry import Registry
from inference_worker.shelf import Generation
from inference_worker.status import Code, Failed, Refused
from tests.inference_worker.one_run_engine import OneRunEngine
from tests.inference_worker.registries import (
    STALLED,
    ending_of,
    eventually,
    make_registry,
    make_request,
    start,
    unheard,
)
from tests.support.virtual_time import in_virtual_time


def is_there(registry: Registry, generation: Generation) -> bool:
    try:
        registry.find(generation.id, 0)
    except Refused:
        return False
    return True


def code_of(generation: Generation) -> Code | None:
    ending = generation.log.ending
    return ending.code if isinstance(ending, Failed) else None


@in_virtual_time
async def test_without_a_window_the_last_reader_takes_the_generation_with_it() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED))
    registry.join(generation, print)
    await asyncio.sleep(0)
    registry.leave(generation, print)
    assert generation.log.ending is None
    registry.leave(generation, unheard)
    assert not is_there(registry, generation)
    assert code_of(generation) is Code.CANCELLED
    await eventually(lambda: registry.running == 0)


@in_virtual_time
async def test_with_a_window_it_runs_on_for_that_long() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED, resume_window_s=60))
    await asyncio.sleep(0)
    registry.leave(generation, unheard)
    await asyncio.sleep(59.9)
    assert is_there(registry, generation)
    assert registry.running == 1
    await asyncio.sleep(0.2)
    assert not is_there(registry, generation)
    assert code_of(generation) is Code.CANCELLED
    assert registry.running == 0


@in_virtual_time
async def test_a_reader_who_comes_back_in_time_stops_the_window() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED, resume_window_s=60))
    registry.leave(generation, unheard)
    await asyncio.sleep(59)
    registry.join(generation, unheard)
    await asyncio.sleep(3600)
    assert registry.running == 1
    registry.leave(generation, unheard)
    await asyncio.sleep(59)
    assert is_there(registry, generation)


@in_virtual_time
async def test_an_ended_generation_is_kept_as_long_as_someone_reads_and_then_for_its_window() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(resume_window_s=60))
    await asyncio.sleep(3600)
    registry.leave(generation, unheard)
    await asyncio.sleep(59)
    assert is_there(registry, generation)
    await asyncio.sleep(2)
    assert not is_there(registry, generation)
    assert isinstance(generation.log.ending, Finished)


@in_virtual_time
async def test_a_window_is_lowered_to_the_workers_bound() -> None:
    registry = make_registry(max_resume_window_s=10)
    generation = await start(registry, make_request(resume_window_s=60))
    registry.leave(generation, unheard)
    await asyncio.sleep(9.9)
    assert is_there(registry, generation)
    await asyncio.sleep(0.2)
    assert not is_there(registry, generation)


@in_virtual_time
async def test_a_generation_that_takes_too_long_fails() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED, timeout_s=5))
    await asyncio.sleep(4.9)
    assert generation.log.ending is None
    await asyncio.sleep(0.2)
    assert code_of(generation) is Code.DEADLINE_EXCEEDED
    assert registry.running == 0


@in_virtual_time
async def test_a_generation_that_ends_in_time_leaves_no_timer() -> None:
    timers: list[asyncio.TimerHandle] = []
    registry = make_registry(timers=timers)
    generation = await start(registry, make_request(timeout_s=5))
    await eventually(lambda: registry.running == 0)
    assert [timer.cancelled() for timer in timers] == [True]
    assert isinstance(generation.log.ending, Finished)


@in_virtual_time
async def test_cancel_ends_the_log_at_once_and_then_the_engine() -> None:
    freed: list[str] = []

    async def run(_: Sink) -> Finish:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)  # as an engine that must wait for its step
            freed.append("slot")
        raise AssertionError("it is cancelled")

    registry = make_registry(OneRunEngine(run))
    generation = await start(registry, make_request())
    await asyncio.sleep(0)
    registry.cancel(generation.id)
    assert code_of(generation) is Code.CANCELLED
    assert registry.running == 1, "what still holds a slot still runs"
    await asyncio.sleep(1.1)
    assert (registry.running, freed) == (0, ["slot"])
    assert is_there(registry, generation), "its reader has not left"


@in_virtual_time
async def test_whoever_ends_the_engines_task_the_log_has_an_ending() -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED))
    await asyncio.sleep(0)
    assert generation.task is not None
    generation.task.cancel()
    assert isinstance(await ending_of(generation), Failed)
    assert registry.running == 0


@in_virtual_time
async def test_cancel_of_an_unknown_id_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        make_registry().cancel("w1-unknown")
    assert refused.value.failed.code is Code.NOT_FOUND


@in_virtual_time
async def test_cancel_of_an_ended_generation_is_refused_and_changes_nothing() -> None:
    registry = make_registry()
    generation = await start(registry, make_request())
    ending = await ending_of(generation)
    with pytest.raises(Refused) as caught:
        registry.cancel(generation.id)
    assert caught.value.failed.code is Code.NOT_FOUND
    await asyncio.sleep(1)
    assert generation.log.ending is ending


@in_virtual_time
async def test_going_away_ends_all_that_runs() -> None:
    registry = make_registry()
    running = [await start(registry, make_request(STALLED)) for _ in range(2)]
    done = await start(registry, make_request())
    await ending_of(done)
    registry.stop_all()
    assert [code_of(generation) for generation in [*running, done]] == [Code.UNAVAILABLE, Code.UNAVAILABLE, None]
    await eventually(lambda: registry.running == 0)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda registry, generation: registry.leave(generation, unheard), id="left"),
        pytest.param(lambda registry, generation: registry.cancel(generation.id), id="cancelled"),
        pytest.param(lambda registry, _: registry.stop_all(), id="shut down"),
    ],
)
@in_virtual_time
async def test_what_ends_before_its_engine_began_does_not_run_for_ever(
    end: Callable[[Registry, Generation], None],
) -> None:
    registry = make_registry()
    generation = await start(registry, make_request(STALLED))
    end(registry, generation)
    await asyncio.sleep(1)
    assert registry.running == 0
