import asyncio
from dataclasses import replace
from typing import Any

import pytest

from inference_worker import shelf
from inference_worker.engines.base import Finish, Sink
from inference_worker.engines.script import Options, script
from inference_worker.generation import Finished
from inference_worker.registry import Registry
from inference_worker.status import Code, EngineError, Failed, Refused
from tests.inference_worker.one_run_engine import OneRunEngine, say_two_tokens
from tests.inference_worker.registries import (
    STALLED,
    ending_of,
    eventually,
    make_registry,
    make_request,
    start,
    text_of,
    unheard,
)
from tests.support.virtual_time import in_virtual_time


def code_of_finding(registry: Registry, generation_id: str, index: int = 0) -> Code | None:
    try:
        registry.find(generation_id, index)
    except Refused as refused:
        return refused.failed.code
    return None


async def code_of_starting(registry: Registry) -> Code | None:
    try:
        await start(registry, make_request(STALLED))
    except Refused as refused:
        return refused.failed.code
    return None


@in_virtual_time
async def test_a_generation_is_what_the_engine_says() -> None:
    registry = make_registry()
    request = make_request()
    generation = await start(registry, request)
    assert registry.running == 1
    assert await ending_of(generation) == Finished("stop", prompt_tokens=1, completion_tokens=3)
    assert text_of(generation) == "".join(map(script(request, Options()).token, range(3)))
    await eventually(lambda: registry.running == 0)


@in_virtual_time
async def test_ids_begin_with_the_workers_and_differ() -> None:
    registry = make_registry()
    ids = {(await start(registry, make_request())).id for _ in range(8)}
    assert len(ids) == 8
    assert all(id_.startswith("w1-") for id_ in ids)


@in_virtual_time
async def test_a_continuation_counts_what_was_made_before() -> None:
    request = make_request({"tokens": "5"}, continued_text="...", first_index=3)
    generation = await start(make_registry(), request)
    assert await ending_of(generation) == Finished("stop", prompt_tokens=1, completion_tokens=5)
    assert generation.log.first_index == 3
    assert text_of(generation) == "".join(map(script(request, Options()).token, range(3, 5)))


@in_virtual_time
async def test_a_stop_string_ends_with_stop_and_frees_the_engine() -> None:
    request = make_request({"tokens": "1000", "tokens_per_second": "10"})
    word = script(request, Options()).token(4)
    expected = "".join(map(script(request, Options()).token, range(1_000))).partition(word)[0]
    registry = make_registry()
    generation = await start(registry, replace(request, stop=(word,)))
    await asyncio.sleep(1)
    assert isinstance(generation.log.ending, Finished)
    assert generation.log.ending.finish_reason == "stop"
    assert text_of(generation) == expected
    assert registry.running == 0


@pytest.mark.parametrize(
    ("limits", "fields"), [({"max_log_chars": 20}, {}), ({}, {"max_tokens": 4})], ids=["log", "tokens"]
)
@in_virtual_time
async def test_a_limit_ends_with_length(limits: dict[str, Any], fields: dict[str, int]) -> None:
    registry = make_registry(**limits)
    generation = await start(registry, make_request({"tokens": "1000"}, **fields))
    ending = await ending_of(generation)
    assert isinstance(ending, Finished)
    assert ending.finish_reason == "length"
    assert ending.completion_tokens == generation.log.next_index < 20


@in_virtual_time
async def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        await make_registry().start(make_request(model="other"))
    assert (refused.value.failed.code, refused.value.failed.field) == (Code.NOT_FOUND, "model")


@in_virtual_time
async def test_no_more_start_than_may_run() -> None:
    registry = make_registry(max_streams=2)
    first = await start(registry, make_request(STALLED))
    assert await code_of_starting(registry) is None
    await asyncio.sleep(0)
    assert await code_of_starting(registry) is Code.RESOURCE_EXHAUSTED
    registry.cancel(first.id)
    await eventually(lambda: registry.running == 1)
    assert await code_of_starting(registry) is None


@in_virtual_time
async def test_requests_that_are_prepared_together_do_not_pass_the_limit_together() -> None:
    registry = make_registry(OneRunEngine(say_two_tokens), max_streams=1)
    codes = await asyncio.gather(*(code_of_starting(registry) for _ in range(3)))
    assert sorted(codes, key=str) == [Code.RESOURCE_EXHAUSTED, Code.RESOURCE_EXHAUSTED, None]


@in_virtual_time
async def test_too_much_text_that_is_read_lets_nothing_start() -> None:
    registry = make_registry(max_total_chars=10)
    generation = await start(registry, make_request())
    await ending_of(generation)
    assert generation.log.chars > 10
    assert await code_of_starting(registry) is Code.RESOURCE_EXHAUSTED
    assert code_of_finding(registry, generation.id) is None


@in_virtual_time
async def test_too_much_text_that_nobody_reads_is_forgotten_for_what_is_new() -> None:
    registry = make_registry(max_total_chars=10)
    generation = await start(registry, make_request(resume_window_s=60))
    await ending_of(generation)
    registry.leave(generation, unheard)
    assert await code_of_starting(registry) is None
    assert code_of_finding(registry, generation.id) is Code.OUT_OF_RANGE


@in_virtual_time
async def test_a_worker_that_drains_starts_nothing() -> None:
    registry = make_registry()
    registry.draining = True
    assert await code_of_starting(registry) is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("index", "code"),
    [(2, Code.INVALID_ARGUMENT), (3, None), (5, None), (6, Code.FAILED_PRECONDITION), (7, Code.INVALID_ARGUMENT)],
    ids=str,
)
@in_virtual_time
async def test_a_reader_can_start_at_any_index_that_there_is(index: int, code: Code | None) -> None:
    registry = make_registry()
    generation = await start(registry, make_request({"tokens": "5"}, first_index=3))
    await ending_of(generation)
    assert code_of_finding(registry, generation.id, index) is code


@pytest.mark.parametrize("forget_after", [0, 1], ids=["remembered", "too long ago"])
@in_virtual_time
async def test_an_id_is_unknown_or_gone(forget_after: int) -> None:
    registry = make_registry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "REMEMBERED_IDS", 2)
        gone = [await start(registry, make_request()) for _ in range(2 + forget_after)]
        for generation in gone:
            registry.leave(generation, unheard)
    assert code_of_finding(registry, "w1-unknown") is Code.NOT_FOUND
    assert code_of_finding(registry, gone[-1].id) is Code.OUT_OF_RANGE
    assert code_of_finding(registry, gone[0].id) is (Code.NOT_FOUND if forget_after else Code.OUT_OF_RANGE)


@in_virtual_time
async def test_an_engines_own_error_is_internal_with_its_words_behind_all_its_text() -> None:
    async def fail(sink: Sink) -> Finish:
        sink.push("so far, E")
        raise EngineError("Out of memory.")

    registry = make_registry(OneRunEngine(fail))
    generation = await start(registry, make_request(stop=("END",)))
    assert await ending_of(generation) == Failed(Code.INTERNAL, "Out of memory.")
    assert text_of(generation) == "so far, E"
    assert registry.running == 0


@in_virtual_time
async def test_an_unforeseen_error_is_internal_without_its_words() -> None:
    async def fail(_: Sink) -> Finish:
        raise ZeroDivisionError("secret")

    registry = make_registry(OneRunEngine(fail))
    assert await ending_of(await start(registry, make_request())) == Failed(Code.INTERNAL, "The engine failed.")
    assert registry.running == 0


@in_virtual_time
async def test_an_unforeseen_error_before_the_start_is_a_refusal_without_its_words() -> None:
    async def fail() -> None:
        raise ZeroDivisionError("secret")

    registry = make_registry(OneRunEngine(say_two_tokens, prepared=fail))
    with pytest.raises(Refused) as refused:
        await registry.start(make_request())
    assert refused.value.failed == Failed(Code.INTERNAL, "The engine failed.")
    assert registry.running == 0
