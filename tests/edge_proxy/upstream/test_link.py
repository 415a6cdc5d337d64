"""A link and a scripted worker, over real gRPC on a local port."""

import asyncio

import grpc
import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Outcome, Usage
from edge_proxy.upstream.exchange import Route
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.links import PATIENT, linked, running
from tests.edge_proxy.upstream.readers import REQUEST, NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, open_none, serving, text_frame


async def refusal_of_open(link: WorkerLink) -> Failure:
    with pytest.raises(Refused) as caught:
        await link.open(REQUEST, Route(NotingReader(), None))
    return caught.value.failure


async def test_it_is_ready_when_the_worker_has_said_hello() -> None:
    worker = ScriptedWorker("w7", models=("tiny", "large"), max_streams=3)
    async with serving(worker) as address:
        link = WorkerLink(address, PATIENT)
        assert not link.ready
        async with running(link):
            await eventually(lambda: link.ready)
            assert link.worker_id == "w7"
            assert [model.name for model in link.models] == ["tiny", "large"]
            assert link.load.max_streams == 3


async def test_a_generation_is_read_from_its_first_delta_to_its_end() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker) as link:
        opened = await link.open(REQUEST, Route(reader, None))
        assert opened.opened.generation_id == "w1-1"
        assert worker.commands[0].open == REQUEST
        assert link.streams == 1
        worker.send(text_frame(1, "a", 1))
        worker.send(text_frame(1, "bc", 3))
        usage = pb.Usage(prompt_tokens=4, completion_tokens=3)
        worker.send(
            pb.WorkerFrame(endings=[pb.Ending(stream=1, finished=pb.Finished(finish_reason="stop", usage=usage))])
        )
        await eventually(lambda: reader.endings)
        assert reader.pushed == [("a", 1), ("bc", 3)]
        assert reader.endings == [Outcome("stop", Usage(4, 3))]
        assert reader.instants == sorted(reader.instants)
        assert reader.instants[-1] <= asyncio.get_running_loop().time()
        assert link.streams == 0


async def test_a_source_tells_the_worker_what_its_reader_wants() -> None:
    worker = ScriptedWorker()
    async with linked(worker) as link:
        source = (await link.open(REQUEST, Route(NotingReader(), None))).source
        source.pause()
        source.resume()
        source.leave()
        source.leave()
        await eventually(lambda: len(worker.commands) == 4)
        assert worker.actions == [(1, "open"), (1, "pause"), (1, "resume"), (1, "detach")]


async def test_a_refused_open_is_raised_with_its_field() -> None:
    worker = ScriptedWorker()
    status = pb.Status(code=3, message="Too hot.", field="temperature")
    worker.on_open = lambda _, command: pb.WorkerFrame(refused=[pb.Refused(stream=command.stream, status=status)])
    async with linked(worker) as link:
        assert await refusal_of_open(link) == Failure(Code.INVALID_REQUEST, "Too hot.", "temperature")
        assert link.streams == 0


async def test_an_open_that_is_cancelled_sends_detach() -> None:
    worker = ScriptedWorker()
    worker.on_open = open_none
    async with linked(worker) as link:
        opening = asyncio.create_task(link.open(REQUEST, Route(NotingReader(), None)))
        await eventually(lambda: worker.commands)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await eventually(lambda: len(worker.commands) == 2)
        assert worker.actions == [(1, "open"), (1, "detach")]
        assert link.streams == 0


async def test_an_open_that_is_not_answered_in_time_is_refused_and_detached() -> None:
    worker = ScriptedWorker()
    worker.on_open = open_none
    async with linked(worker, LinkTimers(connect_s=10, silence_s=10, answer_s=0.05)) as link:
        failure = await refusal_of_open(link)
        assert failure == Failure(Code.WORKER_UNAVAILABLE, "The worker did not answer in time.")
        await eventually(lambda: len(worker.commands) == 2)
        assert worker.actions == [(1, "open"), (1, "detach")]


async def test_a_worker_that_drains_is_not_ready_but_still_read() -> None:
    worker, reader = ScriptedWorker(), NotingReader()
    async with linked(worker) as link:
        await link.open(REQUEST, Route(reader, None))
        worker.send(pb.WorkerFrame(load=pb.Load(running=1, max_streams=10, draining=True)))
        await eventually(lambda: not link.ready)
        assert link.load.running == 1
        worker.send(text_frame(1, "a", 1))
        await eventually(lambda: reader.pushed)


async def test_a_link_that_is_left_ends_its_call() -> None:
    worker = ScriptedWorker()
    async with serving(worker) as address:
        async with running(WorkerLink(address, PATIENT)) as link:
            await eventually(lambda: link.ready)
            assert worker.ended == 0
        await eventually(lambda: worker.ended == 1)


async def test_cancel_asks_the_worker_to_stop_the_generation() -> None:
    worker = ScriptedWorker()
    async with linked(worker) as link:
        await link.cancel("w1-42")
        assert worker.cancelled == ["w1-42"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.NOT_FOUND, Code.NOT_FOUND),
        (grpc.StatusCode.OUT_OF_RANGE, Code.NOT_FOUND),
        (grpc.StatusCode.UNAVAILABLE, Code.WORKER_UNAVAILABLE),
        (grpc.StatusCode.INTERNAL, Code.GENERATION_ERROR),
    ],
    ids=lambda value: value.name,
)
async def test_a_cancel_that_fails_says_why(status: grpc.StatusCode, code: Code) -> None:
    worker = ScriptedWorker()
    worker.cancel_status = status
    async with linked(worker) as link:
        with pytest.raises(Refused) as caught:
            await link.cancel("w1-42")
        assert caught.value.failure.code is code
