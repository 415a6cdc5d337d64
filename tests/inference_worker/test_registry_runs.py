"""What preparing a request took is freed, whatever becomes of the request."""

import asyncio

import pytest

from inference_worker.engines.base import Finish, Sink
from inference_worker.label import Channel, Label
from inference_worker.status import EngineError, Refused
from tests.inference_worker.one_run_engine import OneRunEngine, say_nothing, say_two_tokens
from tests.inference_worker.registries import ending_of, eventually, make_registry, make_request, start
from tests.support.virtual_time import in_virtual_time


async def fail(_: Sink) -> Finish:
    raise EngineError("Out of memory.")


@pytest.mark.parametrize("play", [say_two_tokens, fail])
@in_virtual_time
async def test_a_run_that_is_over_is_dropped_once(play) -> None:  # type: ignore[no-untyped-def]  # of a table
    engine = OneRunEngine(play)
    registry = make_registry(engine)
    await ending_of(await start(registry, make_request()))
    await eventually(lambda: registry.running == 0)
    assert engine.dropped == 1


@in_virtual_time
async def test_a_run_that_is_cancelled_before_its_first_step_is_dropped() -> None:
    engine = OneRunEngine(say_nothing)
    registry = make_registry(engine)
    generation = await start(registry, make_request())
    registry.cancel(generation.id)
    await eventually(lambda: registry.running == 0)
    assert engine.dropped == 1


@in_virtual_time
async def test_a_run_that_finds_no_room_any_more_is_dropped() -> None:
    engine = OneRunEngine(say_nothing)
    registry = make_registry(engine, max_streams=1)
    outcomes = await asyncio.gather(*(registry.start(make_request()) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 2
    assert engine.dropped == 2


@in_virtual_time
async def test_it_says_when_it_becomes_full_and_when_it_is_not_any_more_and_nothing_else() -> None:
    registry = make_registry(OneRunEngine(say_nothing), max_streams=3)
    said: list[int] = []
    registry.on_full = lambda: said.append(registry.running)
    generations = [await start(registry, make_request()) for _ in range(3)]
    assert said == [3]
    for generation in generations:
        registry.cancel(generation.id)
    await eventually(lambda: registry.running == 0)
    assert said == [3, 2]


@in_virtual_time
async def test_labels_reach_the_log_and_an_engine_may_count_tokens_itself() -> None:
    async def think(sink: Sink) -> Finish:
        sink.label(Label(Channel.REASONING))
        sink.push("hm")
        return Finish("content_filter", 3, completion_tokens=12)

    registry = make_registry(OneRunEngine(think))
    generation = await start(registry, make_request())
    ending = await ending_of(generation)
    assert [section.label.channel for section in generation.log.sections] == [Channel.REASONING]
    assert ending.finish_reason == "content_filter"  # type: ignore[union-attr]  # a Finished
    assert ending.completion_tokens == 12  # type: ignore[union-attr]  # as above
