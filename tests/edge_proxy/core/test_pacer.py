"""The pacer's table, row by row. Instants are binary fractions, so that sums are exact."""

from math import inf

import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import ANSWER, Channel, Delta, Failed, Finished, Label, Outcome, Ping, Usage
from edge_proxy.core.pacer import Pacer

INTERVAL_S = 0.0625
PING_S = 15.0
TIMEOUT_S = 120.0
STOP = Outcome("stop", Usage(3, 5))
FAILED = Failure(Code.GENERATION_ERROR)


def make_pacer(
    *, interval_s: float = INTERVAL_S, ping_s: float = PING_S, timeout_s: float = TIMEOUT_S, now: float = 0.0
) -> Pacer:
    return Pacer(interval_s=interval_s, ping_interval_s=ping_s, timeout_s=timeout_s, now=now)


def make_flushed_pacer() -> Pacer:
    """A pacer that let a delta out at 1.0, so that the next may leave at 1.0625."""
    pacer = make_pacer()
    pacer.push("a", 1, now=1.0)
    pacer.poll(now=1.0)
    return pacer


def test_first_delta_leaves_at_once() -> None:
    pacer = make_pacer()
    pacer.push("a", 1, now=0.0)
    assert pacer.due == 0.0
    assert pacer.poll(now=0.0) == [Delta("a", 1)]


def test_a_delta_after_a_quiet_interval_leaves_at_once() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.0 + INTERVAL_S)
    assert pacer.due == 1.0 + INTERVAL_S
    assert pacer.poll(now=1.0 + INTERVAL_S) == [Delta("b", 2)]


def test_what_comes_too_soon_is_held_until_the_interval_is_over() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    assert pacer.due == 1.0 + INTERVAL_S
    assert pacer.poll(now=1.06) == []
    assert pacer.poll(now=1.0 + INTERVAL_S) == [Delta("b", 2)]


def test_what_is_held_leaves_as_one_delta_with_the_last_index() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.push("c", 4, now=1.02)
    pacer.push("d", 5, now=1.03)
    assert pacer.poll(now=1.0 + INTERVAL_S) == [Delta("bcd", 5)]


def test_a_push_does_not_put_off_what_is_held() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.push("c", 3, now=1.06)
    assert pacer.due == 1.0 + INTERVAL_S


def test_the_interval_begins_when_a_delta_leaves_and_not_when_it_was_due() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.poll(now=3.0)
    pacer.push("c", 3, now=3.01)
    assert pacer.due == 3.0 + INTERVAL_S


def test_without_an_interval_each_delta_leaves_at_once() -> None:
    pacer = make_pacer(interval_s=0.0)
    for index in range(1, 4):
        pacer.push("x", index, now=1.0)
        assert pacer.poll(now=1.0) == [Delta("x", index)]


def test_held_characters_are_counted_until_they_leave() -> None:
    pacer = make_flushed_pacer()
    pacer.push("🦉é", 2, now=1.01)
    pacer.push("bc", 3, now=1.01)
    assert pacer.held_chars == 4
    pacer.poll(now=2.0)
    assert pacer.held_chars == 0


def test_what_is_held_leaves_with_the_end_of_a_success() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.end(STOP, now=1.02)
    assert pacer.due == 1.02
    assert pacer.poll(now=1.02) == [Finished("b", 2, STOP)]


def test_a_success_with_nothing_held_ends_with_empty_text() -> None:
    pacer = make_flushed_pacer()
    pacer.end(STOP, now=5.0)
    assert pacer.poll(now=5.0) == [Finished("", 1, STOP)]


def test_what_is_held_leaves_before_a_failure() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.end(FAILED, now=1.02)
    assert pacer.poll(now=1.02) == [Delta("b", 2), Failed(FAILED, 2)]


def test_a_failure_with_nothing_held_comes_alone() -> None:
    pacer = make_pacer()
    pacer.end(FAILED, now=1.0)
    assert pacer.poll(now=1.0) == [Failed(FAILED, 0)]


def test_nothing_follows_the_end() -> None:
    pacer = make_pacer()
    pacer.end(FAILED, now=1.0)
    pacer.poll(now=1.0)
    assert pacer.closed
    assert pacer.due == inf
    pacer.push("late", 9, now=2.0)
    pacer.end(STOP, now=2.0)
    assert pacer.poll(now=500.0) == []
    assert pacer.due == inf


def test_it_is_not_closed_before_the_end_is_polled() -> None:
    pacer = make_pacer()
    pacer.end(STOP, now=1.0)
    assert not pacer.closed


def test_text_behind_the_end_is_not_taken() -> None:
    pacer = make_pacer()
    pacer.push("a", 1, now=1.0)
    pacer.end(STOP, now=1.0)
    pacer.push("b", 2, now=1.0)
    assert pacer.poll(now=1.0) == [Finished("a", 1, STOP)]


@pytest.mark.parametrize(("first", "second"), [(STOP, FAILED), (FAILED, STOP)], ids=["success", "failure"])
def test_the_first_end_is_the_one_that_counts(first: Outcome | Failure, second: Outcome | Failure) -> None:
    pacer = make_pacer()
    pacer.end(first, now=1.0)
    pacer.end(second, now=1.0)
    (last,) = pacer.poll(now=1.0)
    assert last == (Finished("", 0, STOP) if first is STOP else Failed(FAILED, 0))


def test_pings_come_before_the_first_token() -> None:
    pacer = make_pacer()
    assert pacer.due == PING_S
    assert pacer.poll(now=14.9) == []
    assert pacer.poll(now=15.0) == [Ping()]
    assert pacer.due == 30.0


def test_pings_keep_their_rhythm_whether_or_not_text_flows() -> None:
    pacer = make_pacer()
    pings = []
    for quarter in range(4 * 61):
        now = quarter / 4
        pacer.push("x", quarter + 1, now=now)
        pings += [now for event in pacer.poll(now=now) if event == Ping()]
    assert pings == [15.0, 30.0, 45.0, 60.0]


def test_pings_count_from_the_streams_beginning() -> None:
    pacer = make_pacer(now=1000.5)
    assert pacer.due == 1015.5
    assert pacer.poll(now=1015.5) == [Ping()]


def test_text_goes_before_a_ping_that_is_due_with_it() -> None:
    pacer = make_pacer()
    pacer.push("a", 1, now=15.0)
    assert pacer.poll(now=15.0) == [Delta("a", 1), Ping()]


def test_a_late_poll_does_not_make_up_missed_pings() -> None:
    pacer = make_pacer()
    assert pacer.poll(now=50.0) == [Ping()]
    assert pacer.due == 60.0
    assert pacer.poll(now=50.0) == []


@pytest.mark.parametrize("begin", [107.21, 1002.339, 32764.000418979344])
def test_a_ping_comes_once_however_instants_are_rounded(begin: float) -> None:
    pacer = make_pacer(timeout_s=inf, now=begin)
    for _ in range(20):
        at = pacer.due
        assert pacer.poll(now=at) == [Ping()]
        assert pacer.poll(now=at) == []


@pytest.mark.parametrize("number", range(2, 20))
def test_a_late_poll_on_a_pings_instant_is_that_ping_however_it_is_rounded(number: int) -> None:
    begin = 107.21
    pacer = make_pacer(timeout_s=inf, now=begin)
    at = begin + number * PING_S
    assert pacer.poll(now=at) == [Ping()]
    assert pacer.poll(now=at) == []
    assert pacer.due == pytest.approx(at + PING_S)


def test_the_deadline_ends_the_stream_with_the_held_text_first() -> None:
    pacer = make_pacer(timeout_s=1.03125)
    pacer.push("a", 1, now=1.0)
    pacer.poll(now=1.0)
    pacer.push("b", 2, now=1.01)
    assert pacer.due == 1.03125
    assert pacer.poll(now=1.03125) == [Delta("b", 2), Failed(Failure(Code.TIMEOUT), 2)]
    assert pacer.closed


def test_the_deadline_counts_from_the_streams_beginning() -> None:
    pacer = make_pacer(timeout_s=2.0, now=7.0)
    assert pacer.due == 9.0
    assert pacer.poll(now=8.9) == []
    assert pacer.poll(now=9.0) == [Failed(Failure(Code.TIMEOUT), 0)]


def test_an_end_before_the_deadline_counts_even_if_it_is_polled_after() -> None:
    pacer = make_pacer(timeout_s=2.0)
    pacer.end(STOP, now=1.9)
    assert pacer.poll(now=3.0) == [Finished("", 0, STOP)]


def test_an_end_that_is_due_with_a_ping_is_not_followed_by_it() -> None:
    pacer = make_pacer()
    pacer.end(STOP, now=15.0)
    assert pacer.poll(now=15.0) == [Finished("", 0, STOP)]


THINKING = Label(Channel.REASONING)


def test_texts_of_two_labels_leave_together_each_with_its_index() -> None:
    pacer = make_flushed_pacer()
    pacer.label(THINKING)
    pacer.push("b", 2, now=1.01)
    pacer.push("c", 3, now=1.02)
    pacer.label(ANSWER)
    pacer.push("d", 4, now=1.03)
    assert pacer.due == 1.0 + INTERVAL_S
    assert pacer.held_chars == 3
    assert pacer.poll(now=1.0 + INTERVAL_S) == [Delta("bc", 3, THINKING), Delta("d", 4)]
    assert pacer.held_chars == 0


def test_equal_labels_do_not_make_one_text() -> None:
    pacer = make_flushed_pacer()
    for index, text in enumerate(("reading", "writing"), 2):
        pacer.label(Label(Channel.PROGRESS))
        pacer.push(text, index, now=1.01)
    first, second = pacer.poll(now=1.0 + INTERVAL_S)
    assert (first, second) == (
        Delta("reading", 2, Label(Channel.PROGRESS)),
        Delta("writing", 3, Label(Channel.PROGRESS)),
    )
    assert first.label is not second.label  # type: ignore[union-attr]  # both are deltas


def test_text_of_an_earlier_label_keeps_what_follows_from_going_through() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.label(THINKING)
    assert pacer.through("c", 3, now=1.0 + INTERVAL_S) is None
    assert pacer.poll(now=1.0 + INTERVAL_S) == [Delta("b", 2)]
    assert pacer.through("c", 3, now=1.0 + 2 * INTERVAL_S) == Delta("c", 3, THINKING)


def test_the_last_text_is_the_ends_only_if_it_is_the_answer() -> None:
    pacer = make_flushed_pacer()
    pacer.push("b", 2, now=1.01)
    pacer.label(THINKING)
    pacer.push("c", 3, now=1.01)
    pacer.end(STOP, now=1.02)
    assert pacer.poll(now=1.02) == [Delta("b", 2), Delta("c", 3, THINKING), Finished("", 3, STOP)]


def test_all_labelled_text_comes_before_a_failure() -> None:
    pacer = make_flushed_pacer()
    pacer.label(THINKING)
    pacer.push("b", 2, now=1.01)
    pacer.label(ANSWER)
    pacer.push("c", 3, now=1.01)
    pacer.end(FAILED, now=1.02)
    assert pacer.poll(now=1.02) == [Delta("b", 2, THINKING), Delta("c", 3), Failed(FAILED, 3)]


def make_impatient() -> Pacer:
    return Pacer(
        interval_s=INTERVAL_S, ping_interval_s=PING_S, timeout_s=TIMEOUT_S, first_token_s=8.0, gap_s=4.0, now=0.0
    )


def live_to(pacer: Pacer, until: float) -> list[tuple[float, object]]:
    """Poll whenever something is due; what came, and when."""
    seen: list[tuple[float, object]] = []
    while not pacer.closed and pacer.due <= until:
        now = pacer.due
        seen += [(now, event) for event in pacer.poll(now=now)]
    return seen


def test_silence_before_the_first_token_fails_after_its_time() -> None:
    assert live_to(make_impatient(), 100.0) == [(8.0, Failed(Failure(Code.TIMEOUT), 0))]


def test_silence_after_text_fails_after_a_shorter_one_behind_all_text() -> None:
    pacer = make_impatient()
    pacer.push("a", 1, now=1.0)
    assert live_to(pacer, 100.0) == [(1.0, Delta("a", 1)), (5.0, Failed(Failure(Code.TIMEOUT), 1))]


def test_it_is_stalled_when_silence_has_ended_it_and_nothing_else_has() -> None:
    silent, ended, late = make_impatient(), make_impatient(), make_flushed_pacer()
    live_to(silent, 100.0)
    silent.poll(now=200.0)
    ended.end(FAILED, now=1.0)
    ended.poll(now=100.0)
    live_to(late, 1000.0)
    assert [pacer.closed for pacer in (silent, ended, late)] == [True] * 3
    assert (silent.stalled, ended.stalled, late.stalled) == (True, False, False)


@pytest.mark.parametrize("through", [True, False])
def test_text_now_and_then_is_no_silence(*, through: bool) -> None:
    pacer = make_impatient()
    for second in range(6, 60, 3):  # the first later than a gap may be
        live_to(pacer, second)
        if through:
            assert pacer.through("a", second, now=second)
        else:
            pacer.push("a", second, now=second)
        assert not pacer.closed


def test_what_could_not_be_pushed_is_excused() -> None:
    pacer = make_impatient()
    pacer.push("a", 1, now=1.0)
    pacer.poll(now=1.0)
    pacer.excuse(now=4.0)
    assert [when for when, _ in live_to(pacer, 100.0)] == [8.0]
