import pytest

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Delta, Failed, Finished, Outcome, Ping, Usage
from edge_proxy.core.meter import Meter
from edge_proxy.core.story import Story
from edge_proxy.downstream.watch import LATE_S, Sample, Watch

END = Outcome("stop", Usage(1, 9))


class Bench:
    """A watch, and a clock that the test sets."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.now = 100.0
        self.sample = Sample(Meter(), places=1)
        self.story = Story(began=100.0)
        self.watch = Watch(self.story, self.sample if sampled else None, index=0, clock=lambda: self.now)

    def reasons(self) -> dict[str, int]:
        """How many tokens left for which reason."""
        return {reason: int(each.sum) for reason, each in self.sample.tokens.items() if each.sum}

    def saw(self, *events: Delta | Finished | Failed | Ping, at: float, held_since: float, due: float) -> None:
        self.watch.held_since = held_since
        self.watch.saw(events, now=at, due=due)


class Taking:
    """A listener."""

    def __init__(self) -> None:
        self.free = True
        self.deltas: list[Delta] = []

    def on_delta(self, delta: Delta) -> None:
        self.deltas.append(delta)


def test_the_first_text_is_noted_and_what_follows_is_not_the_first() -> None:
    bench = Bench()
    bench.saw(Delta("a", 1), at=100.3, held_since=100.3, due=100.3)
    bench.saw(Delta("bc", 3), at=100.4, held_since=100.35, due=100.4)
    assert bench.story.first_s == pytest.approx(0.3)
    assert bench.reasons() == {"first": 1, "interval": 2}


def test_gaps_are_between_events_with_text() -> None:
    bench = Bench()
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    bench.saw(Ping(), at=101.5, held_since=101, due=101)
    bench.saw(Delta("b", 2), at=103, held_since=103, due=103)
    assert sum(bench.sample.gap_s.counts) == 1
    assert bench.sample.gap_s.sum == pytest.approx(2)


def test_the_delay_is_that_of_the_oldest_text() -> None:
    bench = Bench()
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    bench.saw(Delta("bcd", 4), at=101.05, held_since=101.01, due=101.05)
    assert bench.sample.delay_s.sum == pytest.approx(0.04)


def test_text_that_leaves_long_after_it_was_due_is_late() -> None:
    bench = Bench()
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    bench.saw(Delta("b", 2), at=101.05 + LATE_S + 0.001, held_since=101.01, due=101.05)
    assert bench.reasons() == {"first": 1, "late": 1}


@pytest.mark.parametrize("ending", [(Finished("bc", 3, END),), (Delta("bc", 3), Failed(Failure(Code.TIMEOUT), 3))])
def test_text_that_leaves_with_the_end_says_so(ending: tuple[Delta | Finished | Failed, ...]) -> None:
    bench = Bench()
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    bench.saw(*ending, at=101.01, held_since=101, due=101.05)
    assert bench.reasons() == {"first": 1, "end": 2}


def test_an_end_without_text_is_no_text() -> None:
    bench = Bench()
    bench.saw(Finished("", 0, END), at=101, held_since=101, due=101)
    assert bench.story.first_at is None
    assert bench.reasons() == {}


def test_text_that_leaves_as_it_comes_is_handed_on() -> None:
    bench, listener = Bench(), Taking()
    bench.watch.listener = listener
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    bench.now = 101.06
    assert bench.watch.free
    bench.watch.on_delta(Delta("bc", 3))
    assert listener.deltas == [Delta("bc", 3)]
    assert bench.reasons() == {"first": 1, "arrival": 2}
    assert bench.sample.gap_s.sum == pytest.approx(0.06)
    listener.free = False
    assert not bench.watch.free


def test_out_of_the_sample_only_the_first_text_is_noted() -> None:
    bench = Bench(sampled=False)
    bench.saw(Delta("a", 1), at=101, held_since=101, due=101)
    assert bench.story.first_s == 1
    assert bench.reasons() == {}
