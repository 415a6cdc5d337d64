"""Streams that lose their worker, over real gRPC. With real workers: tests/faults."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.meter import Figures
from edge_proxy.core.reader import Opened
from edge_proxy.core.request import GenerationRequest
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.workers import Workers
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, serving, text_frame

TIMERS = LinkTimers(connect_s=10, silence_s=10, answer_s=10)
REQUEST = GenerationRequest(prompt="x", timeout_s=60, batch_interval_s=0.05, caller=Caller(key_id="1", owner="alice"))


def taken(worker: ScriptedWorker, command: pb.Command) -> pb.WorkerFrame:
    """Answer `open` and `attach` as a worker does: a generation that was begun elsewhere keeps its id."""
    begun = command.open.continuation
    given = command.attach.generation_id or begun.generation_id or f"{worker.worker_id}-{command.stream}"
    index = command.attach.next_index or begun.next_index
    return pb.WorkerFrame(opened=[pb.Opened(stream=command.stream, generation_id=given, next_index=index)])


def make_worker(worker_id: str) -> ScriptedWorker:
    worker = ScriptedWorker(worker_id)
    worker.on_open = taken
    return worker


@contextlib.asynccontextmanager
async def connected(*scripts: ScriptedWorker) -> AsyncIterator[tuple[Workers, list[contextlib.AsyncExitStack]]]:
    """Connected to all of them; and what ends each one's server."""
    async with contextlib.AsyncExitStack() as stack:
        servers, addresses = [], []
        for script in scripts:
            server = await stack.enter_async_context(contextlib.AsyncExitStack())
            addresses.append(await server.enter_async_context(serving(script)))
            servers.append(server)
        workers = Workers(addresses, TIMERS)
        workers.start()
        stack.push_async_callback(workers.stop)
        await eventually(lambda: workers.ready == len(scripts))
        yield workers, servers


async def begun(workers: Workers, *scripts: ScriptedWorker) -> tuple[Opened, NotingReader, ScriptedWorker]:
    """A stream that has said "abc", of three tokens; and its worker."""
    reader = NotingReader()
    opened = await workers.open(REQUEST, reader)
    owner = next(script for script in scripts if script.worker_id == opened.generation_id.partition("-")[0])
    owner.send(text_frame(1, "ab", 2))
    owner.send(text_frame(1, "c", 3))
    await eventually(lambda: reader.text == "abc")
    return opened, reader, owner


class Lost(NamedTuple):
    """A stream of one of two workers, and how to lose that one."""

    workers: Workers
    opened: Opened
    reader: NotingReader
    owner: ScriptedWorker
    other: ScriptedWorker
    lose: Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def on_one_of_two(*, continues: bool = True) -> AsyncIterator[Lost]:
    """A stream that has said "abc" on one of two workers."""
    scripts = make_worker("one"), make_worker("two")
    for script in scripts:
        script.continues = continues
    async with connected(*scripts) as (workers, servers):
        opened, reader, owner = await begun(workers, *scripts)
        other = scripts[1 - scripts.index(owner)]
        yield Lost(workers, opened, reader, owner, other, servers[scripts.index(owner)].aclose)


def results(workers: Workers) -> dict[str, float]:
    """How often each came of losing a worker."""
    figures = Figures()
    workers.show(figures, process="0")
    return {key[-1]: value for key, value in figures.values.items() if "recoveries" in key[0]}


def lasts(script: ScriptedWorker, action: str) -> list[pb.Command]:
    return [command for command in script.commands if command.WhichOneof("action") == action]


async def test_a_call_that_broke_is_attached_to_again_at_the_index() -> None:
    script = make_worker("one")
    async with connected(script) as (workers, _):
        opened, reader, _ = await begun(workers, script)
        script.hang_up()
        await eventually(lambda: lasts(script, "attach"))
        (command,) = lasts(script, "attach")
        assert command.attach == pb.Attach(generation_id=opened.generation_id, next_index=3, owner="alice")
        assert command.interval_ms == 50
        await eventually(lambda: workers.ready)
        script.send(text_frame(command.stream, "d", 4))
        await eventually(lambda: reader.text == "abcd")
        assert reader.endings == []
        assert results(workers) == {"attached": 1}


async def test_a_lost_workers_stream_goes_on_with_another_from_the_text_so_far() -> None:
    async with on_one_of_two() as (workers, opened, reader, _, other, lose):
        await lose()
        await eventually(lambda: lasts(other, "open"))
        (command,) = lasts(other, "open")
        continuation = command.open.continuation
        assert (continuation.text, continuation.next_index) == ("abc", 3)
        assert continuation.generation_id == opened.generation_id
        assert [(piece.chars, piece.next_index) for piece in continuation.pieces] == [(2, 2), (1, 3)]
        assert 0 < command.open.timeout_ms <= 60_000
        assert command.open.model == "tiny"
        assert command.open.owner == "alice"
        other.send(text_frame(command.stream, "d", 4))
        await eventually(lambda: reader.text == "abcd")
        assert reader.endings == []
        assert results(workers) == {"moved": 1}


async def is_lost(reader: NotingReader) -> bool:
    """Whether its stream ends so, in a way that leaves it to be had again."""
    await eventually(lambda: reader.endings)
    (ending,) = reader.endings
    return isinstance(ending, Failure) and ending.code is Code.WORKER_LOST and not ending.final


async def test_without_another_worker_it_is_lost() -> None:
    script = make_worker("one")
    async with connected(script) as (workers, (server,)):
        _, reader, _ = await begun(workers, script)
        await server.aclose()
        assert await is_lost(reader)
        assert results(workers) == {"failed": 1}


async def test_where_the_other_can_not_go_on_with_a_text_it_is_lost() -> None:
    async with on_one_of_two(continues=False) as (_, _, reader, _, other, lose):
        await lose()
        assert await is_lost(reader)
        assert lasts(other, "open") == []


async def test_behind_more_than_an_answer_nobody_can_go_on() -> None:
    async with on_one_of_two() as (_, _, reader, owner, other, lose):
        frame = text_frame(1, "hm", 4)
        frame.labels.add(row=0, label=pb.Label(channel=pb.REASONING))
        owner.send(frame)
        await eventually(lambda: reader.labels)
        await lose()
        assert await is_lost(reader)
        assert lasts(other, "open") == []


async def test_before_the_first_token_any_other_worker_will_do() -> None:
    scripts = make_worker("one"), make_worker("two")
    async with connected(*scripts) as (workers, servers):
        reader = NotingReader()
        opened = await workers.open(REQUEST, reader)
        owner, other = scripts if opened.generation_id.startswith("one") else reversed(scripts)
        await servers[scripts.index(owner)].aclose()
        await eventually(lambda: lasts(other, "open"))
        other.send(text_frame(lasts(other, "open")[0].stream, "a", 1))
        await eventually(lambda: reader.text == "a")


async def test_a_worker_that_gives_up_shutting_down_hands_its_streams_on() -> None:
    async with on_one_of_two() as (_, _, reader, owner, other, _):
        owner.send(pb.WorkerFrame(endings=[pb.Ending(stream=1, failed=pb.Status(code=14))]))
        await eventually(lambda: lasts(other, "open"))
        assert lasts(owner, "attach") == []
        assert reader.endings == []


async def test_who_leaves_while_it_is_lost_is_not_looked_for() -> None:
    async with on_one_of_two() as (workers, opened, reader, _, other, lose):
        await lose()
        opened.source.leave()
        await eventually(lambda: workers.ready == 1)
        await workers.open(REQUEST, NotingReader())
        assert results(workers) in ({"left": 1}, {})  # {}: it had not been looked for yet
        assert len(lasts(other, "open")) == 1
        assert reader.endings == []


async def test_a_pause_outlives_the_worker() -> None:
    async with on_one_of_two() as (_, opened, _, _, other, lose):
        opened.source.pause()
        await lose()
        await eventually(lambda: lasts(other, "pause"))


async def test_an_open_that_a_worker_can_not_take_is_tried_on_another() -> None:
    scripts = make_worker("one"), make_worker("two")
    for script in scripts:
        script.on_open = lambda worker, command: pb.WorkerFrame(
            refused=[pb.Refused(stream=command.stream, status=pb.Status(code=8))]
        )
    async with connected(*scripts) as (workers, _):
        with pytest.raises(Refused) as caught:
            await workers.open(REQUEST, NotingReader())
        assert caught.value.failure.code is Code.OVERLOADED
        assert [len(lasts(script, "open")) for script in scripts] == [1, 1]
        scripts[0].on_open = taken
        scripts[0].send(pb.WorkerFrame(load=pb.Load(max_streams=10)))  # there is room again
        await eventually(lambda: any(not link.room.full(mine=0) for link in workers._links))
        assert (await workers.open(REQUEST, NotingReader())).generation_id.startswith("one")


async def test_who_comes_back_is_asked_of_the_owner_first_and_then_of_all() -> None:
    scripts = make_worker("one"), make_worker("two")
    scripts[0].on_open = lambda worker, command: pb.WorkerFrame(
        refused=[pb.Refused(stream=command.stream, status=pb.Status(code=5))]
    )
    async with connected(*scripts) as (workers, _):
        opened = await workers.attach("one-7", 3, REQUEST, NotingReader())
        assert opened.generation_id == "one-7"
        assert [len(lasts(script, "attach")) for script in scripts] == [1, 1]
        scripts[1].on_open = scripts[0].on_open
        with pytest.raises(Refused) as caught:
            await workers.attach("one-7", 3, REQUEST, NotingReader())
        assert caught.value.failure.code is Code.NOT_FOUND


async def test_who_came_back_can_be_moved_too() -> None:
    scripts = make_worker("one"), make_worker("two")
    asked = pb.GenerateRequest(prompt="x", model="tiny")

    def with_beginning(worker: ScriptedWorker, command: pb.Command) -> pb.WorkerFrame:
        frame = taken(worker, command)
        if command.HasField("attach"):
            frame.opened[0].beginning.request = asked.SerializeToString()
            frame.opened[0].beginning.text = "abc"
        return frame

    for script in scripts:
        script.on_open, script.continues = with_beginning, True
    async with connected(*scripts) as (workers, servers):
        reader = NotingReader()
        opened = await workers.attach("one-7", 3, REQUEST, reader)
        assert opened.before == "abc"
        scripts[0].send(text_frame(1, "d", 4))
        await eventually(lambda: reader.text == "d")
        await servers[0].aclose()
        await eventually(lambda: lasts(scripts[1], "open"))
        (command,) = lasts(scripts[1], "open")
        assert (command.open.continuation.text, command.open.continuation.next_index) == ("abcd", 4)
        assert command.open.prompt == "x"


async def test_who_comes_back_says_whose_it_is_and_so_does_who_stops_it() -> None:
    script = make_worker("one")
    async with connected(script) as (workers, _):
        await workers.attach("one-7", 3, REQUEST, NotingReader())
        await workers.cancel("one-7", "alice")
        assert [command.attach.owner for command in lasts(script, "attach")] == ["alice"]
        assert script.cancelled_by == ["alice"]


async def test_behind_stages_another_goes_on_with_the_text_and_its_labels() -> None:
    scripts = make_worker("one"), make_worker("two")
    for script in scripts:
        script.continues = True
    async with connected(*scripts) as (workers, servers):
        reader = NotingReader()
        opened = await workers.open(replace(REQUEST, pipeline="agent_multi", max_rounds=2), reader)
        owner, other = scripts if opened.generation_id.startswith("one") else reversed(scripts)
        planner = pb.Label(channel=pb.REASONING, stage="planner")
        frame = text_frame(1, "1. ", 2)
        frame.labels.add(row=0, label=planner)
        owner.send(frame)
        owner.send(text_frame(1, "Add", 3))
        await eventually(lambda: reader.text == "1. Add")
        await servers[scripts.index(owner)].aclose()
        await eventually(lambda: lasts(other, "open"))
        asked = lasts(other, "open")[0].open
        assert (asked.pipeline, asked.max_rounds) == ("agent_multi", 2)
        assert list(asked.continuation.pieces) == [
            pb.Piece(chars=3, next_index=2, label=planner),
            pb.Piece(chars=3, next_index=3),
        ]
