from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.window import Window

WIDTH_S, SLOTS, LIMIT = 60.0, 60, 20


def test_what_is_added_counts_for_the_whole_width_and_less_than_a_slot_longer() -> None:
    window = Window(width_s=10, slots=10)
    window.add(3, now=0.5)
    assert window.used(now=10.49) == window.used(now=10.9) == 3
    assert window.used(now=11.0) == 0


def test_what_is_given_back_was_never_used() -> None:
    window = Window(width_s=10, slots=10)
    window.add(3, now=0.5)
    window.add(4, now=2.5)
    window.give_back(2, at=0.9)
    assert window.used(now=3) == 5
    assert window.used(now=11) == 4


def test_no_more_is_given_back_than_there_is() -> None:
    window = Window(width_s=10, slots=10)
    window.add(3, now=0.5)
    window.give_back(5, at=0.5)
    window.give_back(5, at=7.5)
    assert window.used(now=1) == 0
    window.add(3, now=1.5)
    assert window.used(now=20) == 0
    window.give_back(3, at=1.5)
    assert window.used(now=20) == 0


def test_it_says_when_there_is_room_again() -> None:
    window = Window(width_s=10, slots=10)
    assert window.frees_s(5, now=0) == 0
    window.add(3, now=0.5)
    window.add(4, now=2.5)
    assert window.frees_s(1, now=3) == window.frees_s(3, now=3) == 11 - 3
    assert window.frees_s(4, now=3) == 13 - 3
    assert window.frees_s(99, now=3) == 13 - 3
    window.give_back(3, at=0.5)
    assert window.frees_s(1, now=3) == 13 - 3


gaps = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 7)), min_size=1, max_size=200)


@given(gaps)
def test_in_no_stretch_as_long_as_the_window_is_there_more_than_the_limit(asked: list[tuple[float, int]]) -> None:
    window, now, granted = Window(width_s=WIDTH_S, slots=SLOTS), 0.0, []
    for gap_s, amount in asked:
        now += gap_s
        if window.used(now=now) + amount <= LIMIT:
            window.add(amount, now=now)
            granted.append((now, amount))
        used = [one for at, one in granted if at > now - WIDTH_S]
        assert sum(used) <= LIMIT


@given(st.floats(0, 1e6), st.integers(1, 50), st.sampled_from([1, 4, 60]))
def test_who_always_asks_gets_all_but_a_slots_part(begin: float, limit: int, slots: int) -> None:
    window, now, granted = Window(width_s=WIDTH_S, slots=slots), begin, 0
    end = begin + 10 * WIDTH_S
    while now < end:
        while window.used(now=now) < limit:
            window.add(1, now=now)
            granted += 1
        now += window.frees_s(1, now=now) + 1e-6
    assert granted >= 10 * limit * slots / (slots + 1)


@given(gaps)
def test_when_it_says_that_there_is_room_there_is(asked: list[tuple[float, int]]) -> None:
    window, now = Window(width_s=WIDTH_S, slots=SLOTS), 0.0
    for gap_s, amount in asked:
        now += gap_s
        window.used(now=now)
        wait_s = window.frees_s(window.used(now=now) + amount - LIMIT, now=now)
        if wait_s:
            assert window.used(now=now + wait_s - 1e-3) + amount > LIMIT
        now += wait_s + 1e-6
        assert window.used(now=now) + amount <= LIMIT
        window.add(amount, now=now)
