"""Several scripted workers behind one edge, over real gRPC."""

import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.meter import Figures
from edge_proxy.core.request import GenerationRequest
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.workers import Workers
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, serving

TIMERS = LinkTimers(connect_s=10, silence_s=10, answer_s=10)
REQUEST = GenerationRequest(prompt="x")
NOWHERE = "127.0.0.1:9"  # the discard port: nothing listens there


@contextlib.asynccontextmanager
async def connected(*scripts: ScriptedWorker) -> AsyncIterator[Workers]:
    """Connected to all of them."""
    async with contextlib.AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serving(script)) for script in scripts]
        workers = Workers(addresses, TIMERS)
        workers.start()
        stack.push_async_callback(workers.stop)
        await eventually(lambda: workers.ready == len(scripts))
        yield workers


async def owners(workers: Workers, count: int, request: GenerationRequest = REQUEST) -> list[str]:
    """Which workers get so many generations."""
    opened = [await workers.open(request, NotingReader()) for _ in range(count)]
    return [item.generation_id.partition("-")[0] for item in opened]


async def refusal_of_open(workers: Workers, request: GenerationRequest = REQUEST) -> Failure:
    with pytest.raises(Refused) as caught:
        await workers.open(request, NotingReader())
    return caught.value.failure


async def test_without_a_worker_everything_is_refused() -> None:
    workers = Workers([NOWHERE], TIMERS)
    workers.start()
    try:
        assert workers.ready == 0
        assert await refusal_of_open(workers) == Failure(Code.WORKER_UNAVAILABLE)
    finally:
        await workers.stop()


async def test_generations_spread_evenly_over_equal_workers() -> None:
    async with connected(ScriptedWorker("one"), ScriptedWorker("two")) as workers:
        assert sorted(await owners(workers, 6)) == ["one"] * 3 + ["two"] * 3


async def test_generations_spread_by_the_room_that_workers_have() -> None:
    async with connected(ScriptedWorker("small", max_streams=2), ScriptedWorker("big", max_streams=8)) as workers:
        assert sorted(await owners(workers, 10)) == ["big"] * 8 + ["small"] * 2


async def test_what_others_run_on_a_worker_counts() -> None:
    busy = ScriptedWorker("busy")
    busy.load = pb.Load(running=9, max_streams=10)
    async with connected(busy, ScriptedWorker("idle")) as workers:
        assert await owners(workers, 3) == ["idle"] * 3


def refuse_all(worker: ScriptedWorker, command: pb.Command) -> pb.WorkerFrame:
    """There is no room."""
    return pb.WorkerFrame(refused=[pb.Refused(stream=command.stream, status=pb.Status(code=8))])


async def test_a_worker_that_is_full_is_not_asked_while_another_has_room() -> None:
    full = ScriptedWorker("full")
    full.load = pb.Load(running=10, max_streams=10)
    roomy = ScriptedWorker("roomy", max_streams=1000)
    roomy.load = pb.Load(running=999, max_streams=1000)
    async with connected(full, roomy) as workers:
        assert await owners(workers, 3) == ["roomy"] * 3
        assert full.commands == []


async def test_when_all_are_full_nobody_is_asked_until_one_says_that_it_has_room() -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    one.load = two.load = pb.Load(running=10, max_streams=10)
    async with connected(one, two) as workers:
        assert (await refusal_of_open(workers)).code is Code.OVERLOADED
        assert one.commands + two.commands == []
        two.send(pb.WorkerFrame(load=pb.Load(running=9, max_streams=10)))
        await eventually(lambda: any(not link.room.full(mine=0) for link in workers._links))
        assert await owners(workers, 1) == ["two"]


async def test_a_refusal_for_want_of_room_is_remembered_until_the_worker_says_more() -> None:
    worker = ScriptedWorker("one")
    worker.on_open = refuse_all
    async with connected(worker) as workers:
        for _ in range(5):
            assert (await refusal_of_open(workers)).code is Code.OVERLOADED
        assert len(worker.commands) == 1
        worker.send(pb.WorkerFrame(load=pb.Load(running=3, max_streams=10)))
        await eventually(lambda: not workers._links[0].room.full(mine=0))
        await refusal_of_open(workers)
        assert len(worker.commands) == 2


async def test_a_stream_that_ends_makes_room_at_once() -> None:
    worker = ScriptedWorker("one", max_streams=2)
    async with connected(worker) as workers:
        opened = [await workers.open(REQUEST, NotingReader()) for _ in range(2)]
        worker.send(pb.WorkerFrame(load=pb.Load(running=2, max_streams=2)))
        await eventually(lambda: workers._links[0].room.full(mine=2))
        assert (await refusal_of_open(workers)).code is Code.OVERLOADED
        opened[0].source.leave()
        assert await owners(workers, 1) == ["one"]


async def test_a_worker_that_drains_gets_nothing_new() -> None:
    leaving = ScriptedWorker("leaving")
    async with connected(leaving, ScriptedWorker("staying")) as workers:
        leaving.send(pb.WorkerFrame(load=pb.Load(max_streams=10, draining=True)))
        await eventually(lambda: workers.ready == 1)
        assert await owners(workers, 3) == ["staying"] * 3


async def test_a_model_is_asked_of_a_worker_that_serves_it() -> None:
    async with connected(ScriptedWorker("one"), ScriptedWorker("two", models=("tiny", "large"))) as workers:
        assert await owners(workers, 3, GenerationRequest(prompt="x", model="large")) == ["two"] * 3


async def test_a_model_that_nobody_serves_is_refused_by_its_field() -> None:
    async with connected(ScriptedWorker("one")) as workers:
        failure = await refusal_of_open(workers, GenerationRequest(prompt="x", model="vast"))
        assert (failure.code, failure.wrong_field) == (Code.NOT_FOUND, "model")


async def test_a_model_has_as_much_context_as_where_it_has_least_and_nobody_saying_is_no_bound() -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two", models=("large", "tiny"))
    one.context_tokens, two.context_tokens = 512, 256
    async with connected(one, two, ScriptedWorker("three", models=("other",))) as workers:
        assert [workers.context_tokens(name) for name in ("tiny", "large", "other", "vast", "")] == [
            256,
            256,
            0,
            0,
            256,
        ]


async def test_the_worker_gets_the_request() -> None:
    script = ScriptedWorker("one")
    async with connected(script) as workers:
        await workers.open(GenerationRequest(prompt="Hello", max_tokens=3), NotingReader())
        assert script.commands[0].open.prompt == "Hello"
        assert script.commands[0].open.sampling.max_tokens == 3


async def test_cancel_goes_to_the_worker_that_has_the_generation() -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    async with connected(one, two) as workers:
        await workers.cancel("two-7")
        assert (one.cancelled, two.cancelled) == ([], ["two-7"])


@pytest.mark.parametrize("generation_id", ["", "-", "-7", "on", "one7", "one-7/8", "one-" + "7" * 99])
async def test_cancel_of_what_is_no_id_asks_none(generation_id: str) -> None:
    script = ScriptedWorker("one")
    async with connected(script) as workers:
        with pytest.raises(Refused) as caught:
            await workers.cancel(generation_id)
        assert caught.value.failure.code is Code.NOT_FOUND
        assert script.cancelled == []


async def test_cancel_asks_all_because_another_may_have_taken_it_on() -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    one.cancel_status = grpc.StatusCode.NOT_FOUND
    async with connected(one, two) as workers:
        await workers.cancel("three-7")
        assert two.cancelled == ["three-7"]


async def test_cancel_before_any_worker_has_said_hello_finds_nothing() -> None:
    with pytest.raises(Refused) as caught:
        await Workers([NOWHERE], TIMERS).cancel("-7")
    assert caught.value.failure.code is Code.NOT_FOUND


async def test_stop_leaves_every_worker() -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    async with connected(one, two) as workers:
        await workers.stop()
        await eventually(lambda: one.ended == two.ended == 1)


async def test_how_workers_are_is_told() -> None:
    busy = ScriptedWorker("busy")
    busy.load = pb.Load(running=3, max_streams=10)
    async with connected(busy) as workers:
        await workers.open(REQUEST, NotingReader())
        figures = Figures()
        workers.show(figures, process="0")
        told = {key[0].removeprefix("token_relay_edge_worker_"): value for key, value in figures.values.items()}
    assert told == {
        "up": 1,
        "draining": 0,
        "aside": 0,
        "running": 3,
        "places": 10,
        "streams": 1,
        "connects_total": 1,
    }


async def test_a_worker_that_is_not_there_is_told_of() -> None:
    workers = Workers([NOWHERE], TIMERS)
    workers.start()
    try:
        await eventually(lambda: workers._links[0].standing.troubles)
        figures = Figures()
        workers.show(figures, process="0")
        assert figures.values[("token_relay_edge_worker_up", NOWHERE, "0")] == 0
        assert figures.values[("token_relay_edge_worker_errors_total", NOWHERE, "no connection")] >= 1
    finally:
        await workers.stop()
