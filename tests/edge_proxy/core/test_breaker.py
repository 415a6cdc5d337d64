import pytest

from edge_proxy.core.breaker import FIRST_PAUSE_S, FORGET_S, LIMIT, LONGEST_PAUSE_S, Breaker, State


def fail(breaker: Breaker, times: int = int(LIMIT), *, now: float = 0.0) -> list[bool]:
    """Whether each failure set it aside; without jitter's shortening."""
    return [breaker.failed(now, jitter=1.0) for _ in range(times)]


def opened(*, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    fail(breaker, now=now)
    return breaker


def probing() -> Breaker:
    breaker = opened()
    breaker.tried()
    return breaker


def test_failures_in_a_row_set_it_aside_at_the_limit() -> None:
    breaker = Breaker()
    assert fail(breaker) == [False, False, True]
    assert (breaker.state, breaker.until) == (State.OPEN, FIRST_PAUSE_S)
    assert breaker.aside


def test_two_losses_are_enough() -> None:
    breaker = Breaker()
    assert not breaker.failed(0, jitter=1.0, weight=1.5)
    assert breaker.failed(59, jitter=1.0, weight=1.5)


def test_failures_that_are_long_past_are_forgotten() -> None:
    breaker = Breaker()
    fail(breaker, 2)
    assert fail(breaker, 2, now=FORGET_S + 1) == [False, False]


def test_successes_make_up_for_failures() -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker.failed(0, jitter=1.0)
        breaker.finished()
    assert not breaker.aside


def test_it_is_due_when_its_pause_is_over() -> None:
    breaker = opened(now=5)
    assert not breaker.due(5.99)
    assert breaker.due(6)


def test_one_that_is_tried_is_not_due_again() -> None:
    breaker = probing()
    assert breaker.state is State.PROBING
    assert not breaker.due(1e9)
    assert breaker.aside


def test_pauses_grow_up_to_the_longest() -> None:
    breaker, now, pauses = Breaker(), 0.0, []
    fail(breaker)
    for _ in range(6):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.tried()
        assert breaker.failed(now, jitter=1.0)
    assert pauses == [1, 2, 4, 8, 8, 8]
    assert LONGEST_PAUSE_S < 10


@pytest.mark.parametrize(("jitter", "pause_s"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_a_pause_is_half_to_all_of_its_length(jitter: float, pause_s: float) -> None:
    breaker = Breaker()
    for _ in range(int(LIMIT)):
        breaker.failed(0, jitter=jitter)
    assert breaker.until == pause_s


def test_first_text_lets_it_in_on_probation() -> None:
    breaker = probing()
    breaker.spoke()
    assert breaker.state is State.CLOSED
    assert fail(breaker, 1, now=2) == [True]
    assert breaker.until == 2 + 2 * FIRST_PAUSE_S


def test_a_generation_that_ends_well_clears_it() -> None:
    breaker = probing()
    breaker.finished()
    assert fail(breaker, now=2) == [False, False, True]
    assert breaker.until == 2 + FIRST_PAUSE_S


def test_what_began_before_it_was_set_aside_changes_nothing() -> None:
    breaker = opened()
    breaker.finished()
    breaker.spoke()
    assert fail(breaker, 1, now=0.5) == [False]
    assert (breaker.state, breaker.until) == (State.OPEN, FIRST_PAUSE_S)


def test_a_trial_that_says_nothing_of_the_worker_may_be_made_again_at_once() -> None:
    breaker = probing()
    breaker.untold(3)
    assert breaker.due(3)
    fresh = Breaker()
    fresh.untold(3)
    assert not fresh.aside


def test_another_process_is_tried_after_the_first_pause() -> None:
    breaker = probing()
    breaker.failed(1, jitter=1.0)
    breaker.tried()
    breaker.failed(3, jitter=1.0)
    assert breaker.until == 7
    breaker.replaced(4)
    assert breaker.until == 4 + FIRST_PAUSE_S
    breaker.replaced(4.5)
    assert breaker.until == 4 + FIRST_PAUSE_S
