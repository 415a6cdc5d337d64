"""Whatever is said, read, left, broken off and forgotten, in any order: every reader sees a prefix without a gap."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference_worker.engines.base import Finish
from inference_worker.exchange_call import ExchangeCall
from inference_worker.label import ANSWER, Channel, Label
from inference_worker.status import Code, EngineError, Refused
from protos import inference_pb2 as pb
from tests.inference_worker.exchange_edge import attach, cancel, detach, pause, resume
from tests.inference_worker.log_model import GRACE_S, RHYTHM, Edge, Reader, Told, Voices
from tests.inference_worker.registries import make_registry
from tests.support.virtual_time import VirtualTimeLoop, settle

EXAMPLES = max(120, settings().max_examples // 4)  # the profile's, if that asks for more
MAX_STREAMS = 5
EDGES = st.integers(0, 1)
PICKS = st.integers(0, 1_000)  # of what there is, taken round and round
TEXTS = st.sampled_from(["a", "bc", " ", "\n", "\U0001f989"])
LONG_TEXT = 30_000 * "x"  # two do not fit in a frame
LABELS = st.sampled_from([ANSWER, Label(Channel.REASONING), Label(stage="planner")])
MOVED_TEXT, MOVED_INDEX = "abcde", 4
MOVED_PIECES = ((2, 1), (3, 4))  # characters, and the index behind them


class Generations(RuleBasedStateMachine):
    """A worker and two edges' calls to it, without gRPC between them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.voices = Voices()
        self.registry = make_registry(self.voices, max_streams=MAX_STREAMS)
        self.told: list[Told] = []
        self.away: list[Reader] = []  # their call broke
        self.number = 0
        self.edges = [self.run(self.call()) for _ in range(2)]

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

    async def call(self) -> Edge:
        return Edge(ExchangeCall(self.registry, RHYTHM))

    async def send(self, edge: int, command: pb.Command) -> None:
        self.edges[edge].send(command)

    @property
    def now(self) -> float:
        return self.runner.get_loop().time()

    @property
    def known(self) -> list[Told]:
        return [told for told in self.told if told.id]

    def readers(self) -> list[tuple[int, int]]:
        """The edges and numbers of all."""
        return [(place, number) for place, edge in enumerate(self.edges) for number in edge.client.readers]

    def running(self) -> int:
        return sum(told.ending is None for told in self.told)

    @rule(edge=EDGES, window_s=st.sampled_from([0, 0, 2, 7]), interval_ms=st.sampled_from([0, 50]))
    def begin(self, edge: int, window_s: int, interval_ms: int) -> None:
        self._begin(edge, pb.GenerateRequest(prompt="x", resume_window_ms=1000 * window_s), interval_ms)

    @rule(edge=EDGES, name=st.sampled_from(["w0-a", "w0-b"]), pieces=st.sampled_from([(), MOVED_PIECES]))
    def move_here(self, edge: int, name: str, pieces: tuple[tuple[int, int], ...]) -> None:
        """Another worker had it, and is lost. It is begun again where it was, or found if the other edge has."""
        begun = pb.Continuation(text=MOVED_TEXT, next_index=MOVED_INDEX, generation_id=name)
        begun.pieces.extend(pb.Piece(chars=chars, next_index=index) for chars, index in pieces)
        request = pb.GenerateRequest(prompt="x", resume_window_ms=2000, continuation=begun)
        there = next((told for told in self.told if told.id == name and self.registry.has(name)), None)
        if there:
            self._read(edge, there, MOVED_INDEX, pb.Command(stream=self.number + 1, open=request))
            return
        self.told = [told for told in self.told if told.id != name]
        self.away = [reader for reader in self.away if reader.told.id != name]  # theirs was another
        told = self._begin(edge, request, 0)
        if told:
            told.id, told.first = name, 0 if pieces else MOVED_INDEX
            told.entries = ["ab", "cde", "", ""] if pieces else []
            told.labels = [ANSWER] * len(told.entries)
            self.edges[edge].client.readers[self.number].index = MOVED_INDEX

    def _begin(self, edge: int, request: pb.GenerateRequest, interval_ms: int) -> Told | None:
        self.number += 1
        room = self.running() < MAX_STREAMS
        self.run(self.send(edge, pb.Command(stream=self.number, open=request, interval_ms=interval_ms)))
        if not room:
            self.edges[edge].client.expected[self.number] = Code.RESOURCE_EXHAUSTED
            return None
        assert self.voices.last
        told = Told(request.resume_window_ms / 1000, self.voices.last)
        self.told.append(told)
        self.edges[edge].client.read(self.number, Reader(told, 0))
        return told

    @precondition(lambda self: self.told)
    @rule(pick=PICKS, texts=st.lists(TEXTS, min_size=1, max_size=4))
    def say(self, pick: int, texts: list[str]) -> None:
        told = self.told[pick % len(self.told)]
        self.act(lambda: told.say(texts))

    @precondition(lambda self: self.told)
    @rule(pick=PICKS)
    def say_much(self, pick: int) -> None:
        self.say(pick, [LONG_TEXT, LONG_TEXT])

    @precondition(lambda self: self.running())
    @rule(pick=PICKS, label=LABELS)
    def label(self, pick: int, label: Label) -> None:
        running = [told for told in self.told if told.ending is None]
        told = running[pick % len(running)]
        told.label = label
        self.act(lambda: told.voice.sink.label(label))

    @precondition(lambda self: self.running())
    @rule(pick=PICKS, fails=st.booleans())
    def end(self, pick: int, fails: bool) -> None:
        running = [told for told in self.told if told.ending is None]
        told = running[pick % len(running)]
        told.end(Code.INTERNAL if fails else "stop")
        over = told.voice.over
        self.act(lambda: over.set_exception(EngineError("no")) if fails else over.set_result(Finish("stop", 1)))

    @precondition(lambda self: self.known)
    @rule(edge=EDGES, pick=PICKS, at=PICKS)
    def come(self, edge: int, pick: int, at: int) -> None:
        """A reader who names an index: one that there is, or is not."""
        told = self.known[pick % len(self.known)]
        index = max(0, told.first - 1 + at % (len(told.entries) + 4))
        self._read(edge, told, index, attach(self.number + 1, told.id, index))

    @precondition(lambda self: self.away)
    @rule(edge=EDGES, pick=PICKS)
    def come_back(self, edge: int, pick: int) -> None:
        reader = self.away.pop(pick % len(self.away))
        self._read(edge, reader.told, reader.index, attach(self.number + 1, reader.told.id, reader.index))

    def _read(self, edge: int, told: Told, index: int, command: pb.Command) -> None:
        self.number += 1
        if told.kept(self.now) is None:
            return
        refusal = told.answer(index, self.now)
        if refusal:
            self.edges[edge].client.expected[self.number] = refusal
        else:
            self.edges[edge].client.read(self.number, Reader(told, index))
        self.run(self.send(edge, command))

    @precondition(lambda self: self.readers())
    @rule(pick=PICKS, command=st.sampled_from([pause, pause, resume, resume, cancel, detach]))
    def tell(self, pick: int, command: Any) -> None:
        edge, number = self.readers()[pick % len(self.readers())]
        client = self.edges[edge].client
        at_worker = client.at_worker.get(number)  # else its ending is on the way
        reader = client.readers[number]
        reader.paused = command is pause or (reader.paused and command is not resume)
        if command is cancel and at_worker:
            at_worker.told.end(Code.CANCELLED)
        elif command is detach:
            del client.readers[number]
            if at_worker:
                del client.at_worker[number]
                at_worker.told.leave(self.now, 0)
        self.run(self.send(edge, command(number)))

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def stop(self, pick: int) -> None:
        told = self.known[pick % len(self.known)]
        if told.kept(self.now) and told.ending is None:
            told.end(Code.CANCELLED)
            self.act(lambda: self.registry.cancel(told.id))
        elif told.ending is not None or told.kept(self.now) is False:
            with pytest.raises(Refused):
                self.registry.cancel(told.id)

    @rule(edge=EDGES)
    def hear(self, edge: int) -> None:
        self.edges[edge].client.hear()

    @rule(edge=EDGES, takes=st.booleans())
    def fill(self, edge: int, takes: bool) -> None:
        """The transport is full, or takes frames again."""
        self.act(self.edges[edge].takes.set if takes else self.edges[edge].takes.clear)

    @rule(edge=EDGES)
    def break_off(self, edge: int) -> None:
        """The call breaks; what was on the way is lost. Another begins."""
        broken = self.edges[edge]
        broken.serving.cancel()
        self.edges[edge] = self.run(self.call())
        assert broken.serving.cancelled()
        for reader in broken.client.at_worker.values():
            reader.told.leave(self.now, GRACE_S)
        self.away += [reader for reader in broken.client.readers.values() if reader.told in self.known]

    @rule(seconds=st.sampled_from([0.001, 0.013, 0.06, 1.1, 2.9, 7.3]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @invariant()
    def what_is_held_is_what_is_read_or_waited_for(self) -> None:
        kept = [told.kept(self.now) for told in self.told]
        for told, one in zip(self.told, kept, strict=True):
            if one is False:
                told.end(Code.CANCELLED)
            if told.id and one is not None:
                assert self.registry.has(told.id) == one
        if None not in kept:
            assert self.registry.running == self.running(), "one runs that nobody can hear"
        assert not any(edge.serving.done() for edge in self.edges)

    def teardown(self) -> None:
        """Whoever still reads gets all of it, without a word more; then nothing is left."""
        with self.runner:
            for edge, number in self.readers():
                if self.edges[edge].client.readers[number].paused:  # others need no nudge
                    self.run(self.send(edge, resume(number)))
            for edge in self.edges:
                self.act(edge.takes.set)
            self.run(asyncio.sleep(1))
            assert not any(edge.serving.done() for edge in self.edges)
            for edge in self.edges:
                edge.client.hear()
                for reader in edge.client.readers.values():
                    assert reader.index == reader.told.next, "a reader waits for what was said"
                    assert reader.told.ending is None, "a reader waits for the end"
                self.act(edge.hang_up)
            self.run(asyncio.sleep(8))
            assert self.registry.running == 0
            assert not any(self.registry.has(told.id) for told in self.told)
            loop = self.runner.get_loop()
            assert isinstance(loop, VirtualTimeLoop)
            assert loop.timers() == 0


Generations.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
# What it finds takes hypothesis up to five minutes to make short.
test_every_reader_sees_a_prefix_without_a_gap = pytest.mark.timeout(1200)(Generations.TestCase)
