from collections.abc import Sequence
from itertools import pairwise

import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Label, Outcome, Usage
from edge_proxy.upstream.exchange import COMPACT_FRAMES, Exchange, Route
from edge_proxy.upstream.said import MAX_ROWS, Said
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import REQUEST, NotingReader, add

FINISHED = pb.Finished(finish_reason="stop", usage=pb.Usage(prompt_tokens=1, completion_tokens=2))


class Call:
    """An exchange without its call, and what it says: the test is the worker."""

    def __init__(self) -> None:
        self.woken = 0
        self.answers: dict[int, list[pb.Opened | Failure]] = {}
        self.exchange = Exchange(self._wake)

    def open(self) -> tuple[int, NotingReader]:
        """Ask for a stream: its number and reader."""
        reader, answers = NotingReader(), list[pb.Opened | Failure]()
        number = self.exchange.open(REQUEST, Route(reader, answers.append))
        self.answers[number] = answers
        return number, reader

    def opened_ids(self, number: int) -> list[str]:
        """The ids of which `answer` was told."""
        return [answer.generation_id for answer in self.answers[number] if isinstance(answer, pb.Opened)]

    def opened(self, *, next_index: int = 0) -> tuple[int, NotingReader]:
        """Ask for a stream and have it opened; the commands so far are taken."""
        number, reader = self.open()
        self.exchange.take()
        answer = pb.Opened(stream=number, generation_id=f"w1-{number}", next_index=next_index)
        self.exchange.receive(pb.WorkerFrame(opened=[answer]), now=0.0)
        return number, reader

    def say(self, *rows: tuple[int, str, int], endings: Sequence[pb.Ending] = ()) -> None:
        """Receive one frame of these rows."""
        numbers, texts, indices = zip(*rows, strict=True) if rows else ((), (), ())
        frame = pb.WorkerFrame(text_stream=numbers, text=texts, text_next_index=indices, endings=endings)
        self.exchange.receive(frame, now=7.0)

    def commands(self) -> list[tuple[int, str | None]]:
        """What the worker is told since the last time."""
        frame = self.exchange.take()
        return [(command.stream, command.WhichOneof("action")) for command in frame.commands] if frame else []

    def _wake(self) -> None:
        self.woken += 1


def test_open_tells_the_worker_the_request_and_wakes_the_shell() -> None:
    call = Call()
    number, _ = call.open()
    assert call.woken == 1
    assert call.exchange.take() == pb.EdgeFrame(commands=[pb.Command(stream=number, open=REQUEST)])


def test_numbers_are_never_used_twice() -> None:
    call = Call()
    first, _ = call.open()
    call.exchange.leave(first)
    second, _ = call.open()
    assert first != second


def test_commands_are_taken_once_and_in_order() -> None:
    call = Call()
    number, _ = call.opened()
    call.exchange.pause(number)
    call.exchange.resume(number)
    call.exchange.leave(number)
    assert call.commands() == [(number, "pause"), (number, "resume"), (number, "detach")]
    assert call.exchange.take() is None


def test_opened_answers_with_the_generations_id_once() -> None:
    call = Call()
    number, _ = call.opened()
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=number, generation_id="again")]), now=0.0)
    assert call.opened_ids(number) == [f"w1-{number}"]


def test_refused_answers_with_the_failure_and_forgets_the_stream() -> None:
    call = Call()
    number, reader = call.open()
    status = pb.Status(code=3, message="Too hot.", field="temperature")
    call.exchange.receive(pb.WorkerFrame(refused=[pb.Refused(stream=number, status=status)]), now=0.0)
    assert call.answers[number] == [Failure(Code.INVALID_REQUEST, "Too hot.", "temperature")]
    assert reader.endings == []
    assert len(call.exchange) == 0


def test_text_goes_to_its_stream_with_index_and_instant() -> None:
    call = Call()
    one, reader_of_one = call.opened()
    two, reader_of_two = call.opened()
    call.say((two, "b", 1), (one, "aaa", 3), (two, "c", 2))
    assert reader_of_one.pushed == [("aaa", 3)]
    assert reader_of_two.pushed == [("b", 1), ("c", 2)]
    assert set(reader_of_one.instants + reader_of_two.instants) == {7.0}


def test_a_frame_can_open_say_and_end_a_stream_at_once() -> None:
    call = Call()
    number, reader = call.open()
    frame = pb.WorkerFrame(
        opened=[pb.Opened(stream=number, generation_id="w1-1")],
        text_stream=[number],
        text=["a"],
        text_next_index=[1],
        endings=[pb.Ending(stream=number, finished=FINISHED)],
    )
    call.exchange.receive(frame, now=1.0)
    assert call.opened_ids(number) == ["w1-1"]
    assert reader.pushed == [("a", 1)]
    assert reader.endings == [Outcome("stop", Usage(1, 2))]


def test_an_ended_stream_is_forgotten_and_nothing_more_is_said_of_it() -> None:
    call = Call()
    number, reader = call.opened()
    call.say(endings=[pb.Ending(stream=number, finished=FINISHED)])
    assert len(call.exchange) == 0
    call.exchange.pause(number)
    call.exchange.resume(number)
    call.exchange.leave(number)
    assert call.commands() == []
    call.say((number, "late", 9), endings=[pb.Ending(stream=number, finished=FINISHED)])
    assert reader.pushed == []
    assert len(reader.endings) == 1


def test_rows_of_unknown_streams_are_ignored() -> None:
    call = Call()
    number, reader = call.opened()
    call.say((99, "x", 1), (number, "a", 1), endings=[pb.Ending(stream=98, finished=FINISHED)])
    assert reader.pushed == [("a", 1)]
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=97)], refused=[pb.Refused(stream=96)]), now=0.0)
    assert len(call.exchange) == 1


def test_a_reader_that_left_gets_nothing_that_was_under_way() -> None:
    call = Call()
    number, reader = call.opened()
    call.exchange.leave(number)
    call.say((number, "a", 1), endings=[pb.Ending(stream=number, finished=FINISHED)])
    assert (reader.pushed, reader.endings) == ([], [])


def test_leaving_before_the_answer_detaches_and_waits_for_none() -> None:
    call = Call()
    number, _ = call.open()
    call.exchange.leave(number)
    call.exchange.leave(number)
    assert call.commands() == [(number, "open"), (number, "detach")]
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=number, generation_id="w1-1")]), now=0.0)
    assert call.answers[number] == []


@pytest.mark.parametrize("index", [0, 4, 5], ids=["from the beginning", "back", "the same"])
def test_an_index_that_does_not_rise_ends_that_stream_and_leaves_others_alone(index: int) -> None:
    call = Call()
    bad, reader_of_bad = call.opened()
    good, reader_of_good = call.opened()
    call.say((bad, "aaaaa", 5))
    call.say((bad, "x", index), (good, "b", 1), (bad, "y", 6))
    assert reader_of_bad.text == "aaaaa"
    assert reader_of_bad.endings == [Failure(Code.BAD_UPSTREAM)]
    assert reader_of_good.pushed == [("b", 1)]
    assert reader_of_good.endings == []


def test_the_first_index_is_behind_the_one_that_the_stream_was_opened_at() -> None:
    call = Call()
    number, reader = call.opened(next_index=7)
    call.say((number, "x", 7))
    assert reader.endings == [Failure(Code.BAD_UPSTREAM)]


def test_a_stream_that_was_ended_for_a_bad_index_is_detached() -> None:
    call = Call()
    number, _ = call.opened()
    call.say((number, "x", 0))
    call.exchange.leave(number)
    assert call.commands() == [(number, "detach")]


def test_an_ending_instead_of_an_answer_refuses_who_waits() -> None:
    call = Call()
    number, reader = call.open()
    call.say(endings=[pb.Ending(stream=number, failed=pb.Status(code=13))])
    assert call.answers[number] == [Failure(Code.GENERATION_ERROR)]
    assert reader.endings == []


def test_a_refusal_of_what_was_opened_ends_it() -> None:
    call = Call()
    number, reader = call.opened()
    refused = pb.Refused(stream=number, status=pb.Status(code=13))
    call.exchange.receive(pb.WorkerFrame(refused=[refused]), now=0.0)
    assert len(reader.endings) == 1


def test_a_lost_call_ends_open_streams_with_as_many_tokens_as_they_have() -> None:
    call = Call()
    number, reader = call.opened()
    call.say((number, "abc", 57))
    call.exchange.lost(now=9.0)
    assert reader.endings == [Failure(Code.WORKER_LOST, "The worker went away after 57 tokens.")]
    assert reader.instants[-1] == 9.0
    assert len(call.exchange) == 0


def test_a_lost_call_refuses_who_waits_to_be_opened() -> None:
    call = Call()
    number, reader = call.open()
    call.exchange.lost(now=9.0)
    assert call.answers[number] == [Failure(Code.WORKER_UNAVAILABLE)]
    assert reader.endings == []


def test_readers_may_leave_when_they_are_told_of_the_loss() -> None:
    call = Call()
    opened = [call.opened() for _ in range(3)]

    class Leaver(NotingReader):
        def end(self, ending: Outcome | Failure, *, now: float) -> None:
            for number, _ in opened:
                call.exchange.leave(number)

    call.exchange.open(REQUEST, Route(Leaver(), lambda _: None))
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=4, generation_id="w1-4")]), now=0.0)
    call.exchange.lost(now=9.0)
    assert [len(reader.endings) for _, reader in opened] == [1, 1, 1]
    assert len(call.exchange) == 0


def test_open_tells_the_worker_how_often_the_reader_wants_text() -> None:
    call = Call()
    call.exchange.open(REQUEST, Route(NotingReader(), lambda _: None), interval_s=0.05)
    frame = call.exchange.take()
    assert frame is not None
    assert frame.commands[0].interval_ms == 50


def test_a_stretch_is_told_once_and_wakes_the_shell() -> None:
    call = Call()
    call.exchange.stretch(150)
    assert call.woken
    assert call.exchange.take() == pb.EdgeFrame(interval_percent=150)
    assert call.exchange.take() is None


def test_a_label_is_told_before_its_row_and_to_its_reader_alone() -> None:
    call = Call()
    (one, first), (two, second) = call.opened(), call.opened()
    label = pb.Label(channel=pb.REASONING)
    frame = pb.WorkerFrame(
        text_stream=[one, two, one],
        text=["a", "b", "c"],
        text_next_index=[1, 1, 2],
        labels=[pb.RowLabel(row=1, label=label), pb.RowLabel(row=2, label=label)],
    )
    call.exchange.receive(frame, now=1.0)
    assert first.pushed == [("a", 1), ("c", 2)]
    assert first.labels == [(1, Label(Channel.REASONING))]
    assert second.labels == [(0, Label(Channel.REASONING))]


def test_a_label_for_a_stream_that_has_left_is_nobodys() -> None:
    call = Call()
    number, _ = call.opened()
    call.exchange.leave(number)
    labels = [pb.RowLabel(row=0, label=pb.Label(channel=pb.REASONING))]
    frame = pb.WorkerFrame(text_stream=[number], text=["a"], text_next_index=[1], labels=labels)
    call.exchange.receive(frame, now=1.0)
    assert len(call.exchange) == 0


def test_what_was_said_is_kept_row_by_row() -> None:
    call, said = Call(), Said()
    call.exchange.open(REQUEST, Route(NotingReader(), lambda _: None, said))
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=1, generation_id="w1-1")]), now=0.0)
    call.say((1, "a", 1))
    call.say((1, "bc", 3))
    assert said.rows == [("a", 1), ("bc", 3)]
    assert said.plain


def test_a_label_makes_what_was_said_more_than_an_answer() -> None:
    call, said = Call(), Said()
    call.exchange.open(REQUEST, Route(NotingReader(), lambda _: None, said))
    labels = [pb.RowLabel(row=0, label=pb.Label(channel=pb.REASONING))]
    frame = pb.WorkerFrame(text_stream=[1], text=["a"], text_next_index=[1], labels=labels)
    call.exchange.receive(frame, now=0.0)
    assert not said.plain


@pytest.mark.parametrize("how", ["call is over", "worker shuts down"])
def test_who_cares_for_a_lost_stream_takes_it_on(how: str) -> None:
    call, reader, lost = Call(), NotingReader(), list[tuple[int, Failure]]()
    call.exchange.open(REQUEST, Route(reader, lambda _: None, on_lost=lambda *what: lost.append(what)))
    call.exchange.receive(pb.WorkerFrame(opened=[pb.Opened(stream=1, generation_id="w1-1")]), now=0.0)
    call.say((1, "a", 1))
    if how == "call is over":
        call.exchange.lost(now=1.0)
    else:
        call.say(endings=[pb.Ending(stream=1, failed=pb.Status(code=14))])
    assert [index for index, _ in lost] == [1]
    assert reader.endings == []
    assert len(call.exchange) == 0


@pytest.mark.parametrize(
    ("code", "expected"),
    [(9, Code.ENDED), (11, Code.RESUME_EXPIRED), (5, Code.NOT_FOUND), (3, Code.INVALID_REQUEST)],
)
def test_a_refusal_to_attach_has_meanings_of_its_own(code: int, expected: Code) -> None:
    call, answers = Call(), list[pb.Opened | Failure]()
    call.exchange.attach(pb.Attach(generation_id="w1-1", next_index=4), Route(NotingReader(), answers.append))
    call.exchange.receive(pb.WorkerFrame(refused=[pb.Refused(stream=1, status=pb.Status(code=code))]), now=0.0)
    assert [answer.code for answer in answers if isinstance(answer, Failure)] == [expected]


def test_what_all_have_said_is_made_compact_within_some_frames_and_of_few_at_each() -> None:
    exchange, streams = Exchange(lambda: None), 3 * COMPACT_FRAMES
    said = [Said() for _ in range(streams)]
    for one in said:
        exchange.open(REQUEST, Route(NotingReader(), None, one))
        for index in range(2 * MAX_ROWS):
            add(one, "a", index)
    left = [streams]
    for _ in range(COMPACT_FRAMES):
        exchange.receive(pb.WorkerFrame(), now=0.0)
        left.append(sum(len(one.rows) > MAX_ROWS for one in said))
    assert left[-1] == 0
    assert max(before - after for before, after in pairwise(left)) <= 4
    assert {one.text for one in said} == {2 * MAX_ROWS * "a"}
    exchange.leave(1)
    for _ in range(COMPACT_FRAMES):  # another round, and one is gone
        exchange.receive(pb.WorkerFrame(), now=0.0)
