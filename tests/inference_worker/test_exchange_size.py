"""How the exchange keeps a frame below the size that an edge takes."""

import pytest

from inference_worker.frame import FRAME_CHARS, ROW_CHARS
from inference_worker.generation import Finished
from inference_worker.status import Code, Failed
from tests.inference_worker.exchange_bench import Bench, rows
from tests.support.virtual_time import in_virtual_time

EDGE_TAKES_BYTES = 262_144
ENTRY = "🦉🌊🦉🌊"  # of the largest characters, four bytes each


async def bench_with_text(*, streams: int, entries: int, ended: bool = False) -> Bench:
    bench = Bench()
    logs = [(await bench.read(number)).log for number in range(streams)]
    for log in logs:
        for _ in range(entries):
            log.append(ENTRY)
        if ended:
            log.close(Finished("stop", 1, entries))
    return bench


@pytest.mark.parametrize(("streams", "entries"), [(1, 30_000), (2, 15_000), (999, 31)])
@in_virtual_time
async def test_a_frame_is_never_too_large_and_the_rest_comes_in_the_next(streams: int, entries: int) -> None:
    bench = await bench_with_text(streams=streams, entries=entries, ended=True)
    frames = bench.all_frames()
    assert len(frames) <= -(-streams * entries * len(ENTRY) // FRAME_CHARS) + 1  # and no fuller than need be
    assert all(frame.ByteSize() < EDGE_TAKES_BYTES for frame in frames)
    seen = dict.fromkeys(range(streams), "")
    for number, text, index in (row for frame in frames for row in rows(frame)):
        seen[number] += text
        assert seen[number] == ENTRY * index
    assert [len(text) for text in seen.values()] == [len(ENTRY) * entries] * streams
    assert sum(len(frame.endings) for frame in frames) == streams


@in_virtual_time
async def test_what_did_not_fit_is_urgent() -> None:
    bench = await bench_with_text(streams=999, entries=30)
    assert rows(bench.frame())[-1][1] == ENTRY * 3, "a part of the text of one stream is left, too"
    assert bench.wakes == [True]


@in_virtual_time
async def test_streams_that_did_not_fit_come_first_in_the_next_frame() -> None:
    bench = await bench_with_text(streams=3, entries=FRAME_CHARS // len(ENTRY) + 1)
    seen = [[number for number, _, _ in rows(bench.frame())] for _ in range(4)]
    assert seen == [[0], [1], [2], [0, 1, 2]]


@in_virtual_time
async def test_a_last_entry_for_which_little_room_is_left_leaves_all_the_same() -> None:
    bench = Bench()
    first, second = (await bench.read(1)).log, (await bench.read(2)).log
    first.append("x" * (FRAME_CHARS - ROW_CHARS - 1))
    second.append("two")
    assert rows(bench.frame())[1] == (2, "two", 1)


@in_virtual_time
async def test_many_refusals_are_never_too_large_for_a_frame() -> None:
    bench = Bench()
    for number in range(10_000):
        bench.exchange.refuse(number, Failed(Code.RESOURCE_EXHAUSTED, "1024 generations run, as many as may."))
    frames = bench.all_frames()
    assert sum(len(frame.refused) for frame in frames) == 10_000
    assert max(frame.ByteSize() for frame in frames) < EDGE_TAKES_BYTES
