"""Text that is not just the answer, on its way to an edge."""

from inference_worker.generation import Finished
from inference_worker.label import ANSWER, Channel, Label
from protos import inference_pb2 as pb
from tests.inference_worker.exchange_bench import Bench, rows
from tests.support.virtual_time import in_virtual_time

THINKING = Label(Channel.REASONING)


def labels(frame: pb.WorkerFrame | None) -> list[tuple[int, pb.Channel.ValueType]]:
    return [(item.row, item.label.channel) for item in frame.labels] if frame else []


@in_virtual_time
async def test_a_section_is_a_row_and_tells_its_label_once() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    log.label(THINKING)
    log.append("a")
    log.append("b")
    log.label(ANSWER)
    log.append("c")
    frame = bench.frame()
    assert rows(frame) == [(1, "ab", 2), (1, "c", 3)]
    assert labels(frame) == [(0, pb.REASONING), (1, pb.ANSWER)]
    log.append("d")
    frame = bench.frame()
    assert rows(frame) == [(1, "d", 4)]
    assert labels(frame) == []


@in_virtual_time
async def test_text_before_the_first_label_needs_none() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    log.append("a")
    log.label(THINKING)
    log.append("b")
    frame = bench.frame()
    assert rows(frame) == [(1, "a", 1), (1, "b", 2)]
    assert labels(frame) == [(1, pb.REASONING)]


@in_virtual_time
async def test_a_reader_that_comes_within_a_section_is_told_its_label() -> None:
    bench = Bench()
    generation = await bench.read(1)
    generation.log.label(THINKING)
    for text in "abc":
        generation.log.append(text)
    bench.frame()
    bench.exchange.read(2, generation, 2)
    frame = bench.frame()
    assert rows(frame) == [(2, "c", 3)]
    assert labels(frame) == [(0, pb.REASONING)]


@in_virtual_time
async def test_streams_have_labels_of_their_own() -> None:
    bench = Bench()
    first, second = [(await bench.read(number)).log for number in (1, 2)]
    first.append("a")
    second.label(THINKING)
    second.append("b")
    frame = bench.frame()
    assert rows(frame) == [(1, "a", 1), (2, "b", 1)]
    assert labels(frame) == [(1, pb.REASONING)]


@in_virtual_time
async def test_the_ending_is_behind_all_sections_also_where_they_do_not_fit_a_frame() -> None:
    bench = Bench()
    log = (await bench.read(1)).log
    for channel in (Channel.REASONING, Channel.ANSWER, Channel.PROGRESS):
        log.label(Label(channel))
        log.append("x" * 30_000)
    log.close(Finished("stop", 1, 3))
    frames = [bench.frame(), bench.frame()]
    assert [len(rows(frame)) for frame in frames] == [2, 1]
    assert [len(frame.endings) for frame in frames if frame] == [0, 1]
    assert [channel for frame in frames for _, channel in labels(frame)] == [pb.REASONING, pb.ANSWER, pb.PROGRESS]
