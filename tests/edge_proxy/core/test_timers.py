import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.timers import EPSILON, TimerQueue

SLOT_S = 0.005


def make_queue(*instants: float) -> TimerQueue[float]:
    """A queue in which each item is the instant that it wants to be woken at."""
    queue: TimerQueue[float] = TimerQueue(slot_s=SLOT_S)
    for at in instants:
        queue.add(at, at)
    return queue


def test_an_empty_queue_has_no_next() -> None:
    queue = make_queue()
    assert queue.next() is None
    assert queue.pop(1e9) == []


def test_what_is_due_within_a_slot_wakes_together_at_its_end() -> None:
    queue = make_queue(1.001, 1.004, 1.0049)
    assert queue.next() == pytest.approx(1.005)
    assert queue.pop(1.0049) == []
    assert queue.pop(1.005) == [1.001, 1.004, 1.0049]


def test_the_earliest_slot_comes_first_in_whatever_order_they_were_added() -> None:
    queue = make_queue(3.0, 1.0, 2.0)
    assert queue.next() == pytest.approx(1.0)
    assert queue.pop(2.5) == [1.0, 2.0]
    assert queue.pop(10.0) == [3.0]


def test_who_is_added_for_two_slots_is_woken_in_each_but_once_in_one() -> None:
    queue: TimerQueue[str] = TimerQueue(slot_s=SLOT_S)
    queue.add("a", 1.0)
    queue.add("a", 1.0)
    queue.add("a", 2.0)
    assert queue.pop(1.0) == ["a"]
    assert queue.pop(2.0) == ["a"]


def test_who_is_removed_is_not_woken_and_others_are() -> None:
    queue: TimerQueue[str] = TimerQueue(slot_s=SLOT_S)
    for name in "abc":
        queue.add(name, 1.0)
    queue.remove("b", 1.0)
    queue.remove("b", 5.0)  # it never was there
    assert queue.pop(1.0) == ["a", "c"]


def test_add_says_when_the_shells_timer_must_be_set_anew() -> None:
    queue: TimerQueue[str] = TimerQueue(slot_s=SLOT_S)
    assert queue.add("first of all", 2.0)
    assert not queue.add("later", 3.0)
    assert not queue.add("in the first one's slot", 1.999)
    assert queue.add("earlier", 1.0)


@pytest.mark.parametrize("slot", [1, 3, 7, 201, 12_345, 1_000_001])
def test_an_instant_on_a_slots_end_is_not_put_off_by_rounding(slot: int) -> None:
    at = slot * SLOT_S
    assert make_queue(at).pop(at) == [at]


INSTANTS = st.floats(0, 1e7)


@given(instants=st.lists(INSTANTS, max_size=40, unique=True))
def test_nobody_is_woken_early_or_more_than_a_slot_late_or_lost(instants: list[float]) -> None:
    queue = make_queue(*instants)
    woken: list[float] = []
    while (now := queue.next()) is not None:
        items = queue.pop(now)
        assert items, "woken for nothing"
        slack = 2 * EPSILON * SLOT_S + 1e-9  # rounding, of the queue's and of ten million seconds
        assert all(at - slack <= now <= at + SLOT_S + slack for at in items)
        woken += items
    assert sorted(woken) == sorted(instants)


@given(steps=st.lists(st.tuples(st.floats(0, 1), st.lists(st.floats(-1, 1), max_size=4)), max_size=30))
def test_nobody_is_lost_when_adding_and_waking_take_turns(steps: list[tuple[float, list[float]]]) -> None:
    queue = make_queue()
    now = 1.0
    waiting: list[float] = []
    for pause, delays in steps:
        added = {now + delay for delay in delays} - set(waiting)  # twice in one slot is once
        waiting += added
        for at in added:
            before = queue.next()
            is_first = queue.add(at, at)
            after = queue.next()
            assert after is not None
            assert is_first == (before is None or after < before)
        now += pause
        woken = queue.pop(now)
        assert all(at <= now + 1e-7 for at in woken)
        for at in woken:
            waiting.remove(at)
        assert all(at > now - SLOT_S - 1e-7 for at in waiting)
