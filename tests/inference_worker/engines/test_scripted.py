import asyncio
import time
from typing import Any

import pytest

from inference_worker.engines.base import Finish, Model
from inference_worker.engines.script import Options, script
from inference_worker.engines.scripted import BURST_TOKENS, SLOT_S, Player, Scheduler, ScriptedEngine
from inference_worker.label import ANSWER, Channel, Label
from inference_worker.request import Message, Request
from inference_worker.status import EngineError, Refused
from tests.inference_worker.engines.list_sink import ListSink
from tests.support.virtual_time import in_virtual_time

HELLO = (Message("user", "Hello, you two"),)


class Played:
    """A player, the tokens it made, and how it was done."""

    def __init__(self, *, now: float = 0, limit: int = -1, options: Options | None = None, **fields: Any) -> None:
        self.sink = ListSink(limit)
        self.outcomes: list[str | Exception] = []
        request = Request(messages=HELLO, **fields)
        self.script = script(request, options or Options())
        self.player = Player(request, options or Options(), sink=self.sink, on_done=self.outcomes.append, now=now)

    @property
    def count(self) -> int:
        return len(self.sink.tokens)


def test_the_first_token_is_due_at_once_and_token_n_after_n_periods() -> None:
    played = Played(now=100, options=Options(tokens_per_second=10))
    counts = []
    for now in (100, 100.05, 100.15, 100.25, 101.05):
        assert played.player.advance(now)
        counts.append(played.count)
    assert counts == [1, 1, 2, 3, 11]
    assert played.player.due == pytest.approx(101.1), "absolute, however late the tokens before were"


def test_the_first_token_can_be_late() -> None:
    played = Played(options=Options(tokens_per_second=10, first_token_delay_ms=500))
    counts = []
    for now in (0.45, 0.5, 0.65):
        played.player.advance(now)
        counts.append(played.count)
    assert counts == [0, 1, 2]


def test_a_continuation_goes_on_at_its_index_at_once() -> None:
    played = Played(first_index=40, options=Options(tokens_per_second=10))
    played.player.advance(0)
    played.player.advance(0.15)
    assert played.sink.tokens == [played.script.token(40), played.script.token(41)]


def test_labels_are_told_before_the_token_that_they_begin_with() -> None:
    played = Played(options=Options(tokens_per_second=0, tokens=6, reasoning=2))
    played.player.advance(0)
    assert played.sink.labels == [(0, Label(Channel.REASONING)), (2, ANSWER)]
    assert played.count == 6


def test_a_continuation_is_told_the_label_that_it_is_in() -> None:
    for first_index, expected in (
        (1, [(0, Label(Channel.REASONING)), (1, ANSWER)]),
        (2, [(0, ANSWER)]),
        (4, [(0, ANSWER)]),
    ):
        played = Played(first_index=first_index, options=Options(tokens_per_second=0, tokens=6, reasoning=2))
        played.player.advance(0)
        assert played.sink.labels == expected


def test_a_tool_call_ends_as_one() -> None:
    played = Played(options=Options(tokens_per_second=0, tool_call=True))
    played.player.advance(0)
    assert played.outcomes == ["tool_calls"]


def test_as_fast_as_can_be_is_still_one_burst_at_a_time() -> None:
    played = Played(options=Options(tokens_per_second=0, tokens=10_000))
    assert played.player.advance(0)
    assert played.count == BURST_TOKENS


@pytest.mark.parametrize(
    ("options", "fields", "count", "outcome"),
    [
        pytest.param({"tokens": 3}, {}, 3, "stop", id="the script ends"),
        pytest.param({"tokens": 3}, {"max_tokens": 2}, 2, "length", id="max_tokens below"),
        pytest.param({"tokens": 3}, {"max_tokens": 3}, 3, "stop", id="max_tokens at the end"),
        pytest.param({"tokens": 3}, {"max_tokens": 9}, 3, "stop", id="max_tokens beyond"),
        pytest.param(
            {"tokens": 5}, {"first_index": 3, "max_tokens": 4}, 1, "length", id="max_tokens of a continuation"
        ),
        pytest.param({"tokens": 5}, {"first_index": 6}, 0, "stop", id="a continuation beyond the end"),
        pytest.param({"tokens": 0}, {}, 0, "stop", id="nothing to say"),
        pytest.param({"tokens": 5}, {"limit": 2}, 2, "length", id="the sink wants no more"),
    ],
)
def test_a_script_ends(options: dict[str, Any], fields: dict[str, Any], count: int, outcome: str) -> None:
    played = Played(options=Options(tokens_per_second=0, **options), **fields)
    assert not played.player.advance(0)
    assert (played.count, played.outcomes) == (count, [outcome])


def test_a_script_can_fail() -> None:
    played = Played(options=Options(tokens_per_second=0, fail_at=2))
    assert not played.player.advance(0)
    assert played.count == 2
    assert [type(outcome) for outcome in played.outcomes] == [EngineError]


def test_a_script_can_stall() -> None:
    played = Played(options=Options(tokens_per_second=0, stall_at=2))
    assert not played.player.advance(0)
    assert (played.count, played.outcomes) == (2, [])


def test_a_stamp_is_the_instant_of_its_token() -> None:
    played = Played(options=Options(tokens_per_second=0, tokens=2, stamp=True))
    before = time.monotonic_ns()
    played.player.advance(0)
    stamps = [int(token.removeprefix(" t")) for token in played.sink.tokens]
    assert before <= stamps[0] <= stamps[1] <= time.monotonic_ns()


def test_the_scheduler_plays_whatever_is_due_and_says_when_the_next_is() -> None:
    scheduler = Scheduler()
    slow = Played(options=Options(tokens_per_second=1, tokens=2))
    fast = Played(options=Options(tokens_per_second=4, tokens=3))
    scheduler.add(slow.player, 0)
    scheduler.add(fast.player, 0)
    seen = []
    for now in (0, 0.25, 0.5, 1):
        due = scheduler.advance(now)
        seen.append((due, slow.count, fast.count))
    assert seen == [(0.25, 1, 1), (0.5, 1, 2), (1, 1, 3), (None, 2, 3)]


def test_tokens_due_within_a_slot_are_made_at_its_end_and_the_first_at_once() -> None:
    scheduler = Scheduler()
    played = Played(now=0.001, options=Options(tokens_per_second=1000, tokens=100))
    scheduler.add(played.player, 0.001)
    assert played.count == 1
    for end in range(1, 4):
        assert scheduler.advance(SLOT_S * end - 0.001) == pytest.approx(SLOT_S * end)
        scheduler.advance(SLOT_S * end)
        assert played.count == 5 * end


def test_the_scheduler_gives_every_stream_its_turn_and_the_loop_too() -> None:
    scheduler = Scheduler()
    streams = [Played(options=Options(tokens_per_second=0, tokens=10_000)) for _ in range(3)]
    for stream in streams:
        scheduler.add(stream.player, 0)
    assert [stream.count for stream in streams] == [BURST_TOKENS] * 3
    assert scheduler.advance(5) == 5 + SLOT_S
    assert [stream.count for stream in streams] == [2 * BURST_TOKENS] * 3


def test_the_scheduler_drops_who_is_gone() -> None:
    scheduler = Scheduler()
    played = Played()
    scheduler.add(played.player, 0)
    played.player.gone = True
    assert scheduler.advance(1) is None
    assert played.count == 1


@in_virtual_time
async def test_the_engine_keeps_the_pace() -> None:
    run = await ScriptedEngine({"tokens": "51"}).prepare(Request(messages=HELLO, engine_options={"stall_at": "-1"}))
    sink = ListSink()
    finish = await run.play(sink)
    assert finish == Finish("stop", prompt_tokens=3)
    assert len(sink.tokens) == 51
    assert asyncio.get_running_loop().time() == pytest.approx(1, abs=0.01)


@in_virtual_time
async def test_the_engine_raises_what_the_script_says() -> None:
    run = await ScriptedEngine({"fail_at": "1"}).prepare(Request(messages=HELLO))
    sink = ListSink()
    with pytest.raises(EngineError, match="token 1"):
        await run.play(sink)
    assert len(sink.tokens) == 1


@in_virtual_time
async def test_a_cancelled_run_makes_no_more_tokens_and_others_go_on() -> None:
    engine = ScriptedEngine({"tokens": "1000"})
    sinks = [ListSink(), ListSink()]
    tasks = [asyncio.ensure_future((await engine.prepare(Request(messages=HELLO))).play(sink)) for sink in sinks]
    await asyncio.sleep(1)
    tasks[0].cancel()
    await asyncio.sleep(0)
    count = len(sinks[0].tokens)
    await asyncio.sleep(1)
    assert tasks[0].cancelled()
    assert len(sinks[0].tokens) == count
    assert len(sinks[1].tokens) > count
    await engine.close()
    count = len(sinks[1].tokens)
    await asyncio.sleep(1)
    assert len(sinks[1].tokens) == count


def test_wrong_defaults_are_refused_at_once() -> None:
    with pytest.raises(Refused):
        ScriptedEngine({"tokens": "many"})


@in_virtual_time
async def test_wrong_options_are_refused_before_the_run() -> None:
    with pytest.raises(Refused):
        await ScriptedEngine({}).prepare(Request(messages=HELLO, engine_options={"tokens": "many"}))


@in_virtual_time
async def test_it_serves_one_model_that_can_go_on_elsewhere() -> None:
    assert ScriptedEngine({}).models == (Model(name="scripted", engine="scripted", supports_continue=True),)


async def test_tools_are_for_a_script_with_a_tool_call() -> None:
    extras = {"tools": [{"type": "function", "function": {"name": "find"}}]}
    engine = ScriptedEngine({})
    with pytest.raises(Refused) as refused:
        await engine.prepare(Request(messages=HELLO, extras=extras))
    assert refused.value.failed.field == "tools"
    assert await engine.prepare(Request(messages=HELLO, extras=extras, engine_options={"tool_call": "true"}))
