import pytest

from edge_proxy.upstream.room import Room


def reported(*, running: int, places: int = 10, mine: int = 0) -> Room:
    room = Room()
    room.report(running=running, places=places, mine=mine)
    return room


def test_before_any_word_there_is_room() -> None:
    assert not Room().full(mine=0)


@pytest.mark.parametrize(("running", "full"), [(0, False), (9, False), (10, True), (11, True)])
def test_it_is_full_when_it_says_so(running: int, full: bool) -> None:
    assert reported(running=running, mine=5).full(mine=5) is full


def test_a_worker_that_names_no_places_is_never_full() -> None:
    assert not reported(running=7, places=0).full(mine=0)


def test_where_a_stream_of_ours_has_ended_there_may_be_room_before_it_says_so() -> None:
    room = reported(running=10, mine=5)
    assert not room.full(mine=4)
    assert room.full(mine=5)
    assert room.full(mine=6)


def test_what_is_only_reckoned_is_asked() -> None:
    assert not reported(running=9, mine=5).full(mine=6)


def test_a_refusal_says_that_it_is_full() -> None:
    room = reported(running=9, mine=5)
    room.refused(mine=5, since=room.reports)
    assert room.full(mine=5)
    assert not room.full(mine=4)
    room.report(running=9, places=10, mine=5)
    assert not room.full(mine=5)


def test_a_refusal_that_is_older_than_its_word_of_room_says_nothing() -> None:
    room = reported(running=10, mine=5)
    asked = room.reports
    room.report(running=9, places=10, mine=5)
    room.refused(mine=5, since=asked)
    assert not room.full(mine=5)


def test_a_refusal_while_it_says_that_it_is_full_counts_what_is_left() -> None:
    """What was on its way when it became full counted as ours, and was refused."""
    room = reported(running=9, mine=7)
    asked = room.reports
    room.report(running=10, places=10, mine=7)
    room.refused(mine=5, since=asked)
    assert room.full(mine=5)
    assert not room.full(mine=4)


@pytest.mark.parametrize(
    ("running", "then", "mine", "part"),
    [(0, 0, 0, 0.0), (5, 0, 0, 0.5), (5, 3, 3, 0.5), (5, 3, 5, 0.7), (5, 3, 1, 0.3), (0, 0, 4, 0.4), (0, 3, 3, 0.3)],
)
def test_how_full_it_is_counts_what_was_opened_since(running: int, then: int, mine: int, part: float) -> None:
    assert reported(running=running, mine=then).fullness(mine=mine) == pytest.approx(part)
