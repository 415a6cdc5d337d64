"""Whatever becomes of workers and their calls, in any order: every stream's reader sees a prefix without a gap, and one
end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

import grpc
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_proxy.core.errors import Failure, Refused
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from edge_proxy.upstream.reading import MAX_MOVES, Reading
from edge_proxy.upstream.recovery import Recovery
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.reading_model import Channel, Complaints, Reader, Worker
from tests.support.virtual_time import VirtualTimeLoop, settle

EXAMPLES = max(60, settings().max_examples // 4)  # the profile's, if that asks for more
DEADLINE_S = 1_000_000.0  # never
TIMERS = LinkTimers(connect_s=2, silence_s=3, answer_s=5)
WORKERS = st.integers(0, 1)
PICKS = st.integers(0, 1_000)  # of what there is, taken round and round
PAUSES = st.sampled_from([0, 0.3, 0.3, 1])  # of 0.3 s, in which links find out
COUNTS = st.sampled_from([1, 1, 2, 5, 100])


@dataclass(eq=False)
class Stream:
    """One client's view of a generation."""

    reading: Reading
    reader: Reader
    opening: asyncio.Task[None]
    refused: bool = False

    @property
    def over(self) -> bool:
        return self.refused or self.reader.left or self.reader.ending is not None


class Readings(RuleBasedStateMachine):
    """One edge before two workers."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.complaints = Complaints()
        self.workers = [Worker(name, self.complaints) for name in "ab"]
        self.streams: list[Stream] = []
        self.breaks = 0
        self.quiet = True  # no worker has died, or fallen silent
        self.run(self.connect())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def then_settle() -> Any:
            result = await coroutine
            await settle()
            return result

        return self.runner.run(then_settle())

    def act(self, act: Callable[[], object]) -> None:
        async def within_the_loop() -> None:
            act()

        self.run(within_the_loop())

    async def connect(self) -> None:
        self.links = [self.link(worker) for worker in self.workers]
        self.recovery = Recovery(lambda: self.links)
        self.running = [asyncio.create_task(link.run()) for link in self.links]

    def link(self, worker: Worker) -> WorkerLink:
        return WorkerLink(worker.name, TIMERS, connect=lambda _: cast("grpc.aio.Channel", Channel(worker)))

    @property
    def live(self) -> list[Stream]:
        return [stream for stream in self.streams if not stream.over]

    def open_numbers(self, worker: int) -> list[int]:
        return [number for number, reading in self.workers[worker].readings.items() if reading.opened]

    @rule(worker=WORKERS, with_text=st.sampled_from([None, 0, 1, 3]))
    def begin(self, worker: int, with_text: int | None) -> None:
        self.run(self._begin(self.links[worker]))
        if with_text is not None:
            self.answer(worker, with_text)

    async def _begin(self, link: WorkerLink) -> None:
        request, reader = pb.GenerateRequest(prompt="x"), Reader(self.complaints)
        reading = Reading(request, reader, owner="", interval_s=0.0, deadline=DEADLINE_S, recover=self.recovery.recover)
        if not link.ready:
            return

        async def opening() -> None:
            try:
                reading.adopt(link, await link.open(request, reading.route()))
            except Refused:
                stream.refused = True

        stream = Stream(reading, reader, asyncio.create_task(opening()))
        self.streams.append(stream)

    @rule(worker=WORKERS, with_text=st.sampled_from([0, 0, 1, 3]))
    def answer(self, worker: int, with_text: int) -> None:
        self.act(lambda: self.workers[worker].answer(with_text=with_text))

    @rule(worker=WORKERS, pick=PICKS, count=COUNTS)
    def say(self, worker: int, pick: int, count: int) -> None:
        numbers = self.open_numbers(worker)
        if numbers:
            self.act(lambda: self.workers[worker].say(numbers[pick % len(numbers)], count))

    @rule(worker=WORKERS, pick=PICKS, rows=st.integers(65, 80))
    def say_often(self, worker: int, pick: int, rows: int) -> None:
        """So often that old rows are put together."""
        for _ in range(rows):
            self.say(worker, pick, 1)

    @rule(worker=WORKERS, pick=PICKS)
    def finish(self, worker: int, pick: int) -> None:
        numbers = self.open_numbers(worker)
        if numbers:
            self.act(lambda: self.workers[worker].finish(numbers[pick % len(numbers)]))

    @precondition(lambda self: self.live)
    @rule(pick=PICKS, what=st.sampled_from(["pause", "resume", "leave"]))
    def tell(self, pick: int, what: str) -> None:
        stream = self.live[pick % len(self.live)]
        stream.reader.left = what == "leave"
        self.act(getattr(stream.reading, what))

    @rule(worker=WORKERS, for_s=PAUSES)
    def break_off(self, worker: int, for_s: float) -> None:
        """The call breaks; the worker lives."""
        self.breaks += 1
        self.act(self.workers[worker].hang_up)
        self.wait(for_s)

    @rule(worker=WORKERS, for_s=PAUSES)
    def die(self, worker: int, for_s: float) -> None:
        self.quiet = False
        dead = self.workers[worker]
        dead.up = False
        dead.generations.clear()
        dead.life += 1
        self.act(dead.hang_up)
        self.wait(for_s)

    @rule(worker=WORKERS)
    def freeze(self, worker: int) -> None:
        self.quiet = False
        self.workers[worker].frozen = True

    @rule(worker=WORKERS)
    def start(self, worker: int) -> None:
        self.workers[worker].up = True
        self.act(self.workers[worker].thaw)

    @rule(seconds=st.sampled_from([0.01, 0.15, 1, 4]))
    def wait(self, seconds: float) -> None:
        """Workers answer what they are asked for within a second, and say that they are there."""
        while seconds > 0:
            self.run(asyncio.sleep(min(seconds, 1)))
            seconds -= 1
            if seconds >= 0:
                self.go_on()

    def go_on(self) -> None:
        for worker in self.workers:
            self.act(worker.answer)
            self.act(lambda: worker.send(pb.WorkerFrame(load=pb.Load(max_streams=100))))  # noqa: B023 - run at once

    @invariant()
    def nobody_complains(self) -> None:
        assert self.complaints == []

    @invariant()
    def who_lives_gets_no_failure_while_workers_live(self) -> None:
        if self.quiet and self.breaks <= MAX_MOVES:
            assert not any(stream.refused and not self.breaks for stream in self.streams)
            assert not any(isinstance(stream.reader.ending, Failure) for stream in self.streams)

    def teardown(self) -> None:
        """Whoever still reads comes to an end once all workers are well."""
        with self.runner:
            for worker in range(len(self.workers)):
                self.start(worker)
            for _ in range(20 if self.live else 0):
                self.wait(1)
                for place, worker_ in enumerate(self.workers):
                    for number in self.open_numbers(place):
                        self.act(lambda: worker_.finish(number))  # noqa: B023 - run at once
            self.nobody_complains()
            assert not self.live, "a stream waits for ever"
            for running in self.running:
                running.cancel()
            self.run(asyncio.sleep(0))


Readings.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
# What it finds takes hypothesis up to five minutes to make short.
test_every_reader_sees_a_prefix_without_a_gap_and_one_end = pytest.mark.timeout(1200)(Readings.TestCase)
