"""What holds for every stream, whatever is pushed, polled and ended at whatever instants."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import ANSWER, Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, Usage
from edge_proxy.core.pacer import Pacer

Step = str | Label | Outcome | Failure | None  # text to push, what it is from here on, an ending, or a poll

ROUNDING_S = 2e-6  # instants that should be equal differ in their last digits
INTERVALS = st.sampled_from([0.0, 0.05, 1.0])
PAUSES = st.one_of(st.sampled_from([0.0, 0.01, 0.05, 14.9, 15.0, 15.1]), st.floats(0, 40))
ENDINGS: st.SearchStrategy[Outcome | Failure] = st.sampled_from(
    [Outcome("stop", Usage(1, 2)), Failure(Code.WORKER_LOST), Failure(Code.CANCELLED)]
)
TEXTS = st.sampled_from(["a", "bc", " ", "\n", "\U0001f989", "long text"])
LABELS = st.sampled_from([ANSWER, Label(Channel.REASONING), Label(stage="planner")])
STEPS = st.lists(st.tuples(PAUSES, st.one_of(TEXTS, TEXTS, LABELS, st.none(), st.none(), ENDINGS)), max_size=30)
BEGINNINGS = st.sampled_from([0.0, 12_345.678])


@dataclass
class Life:
    """One stream from beginning to end: what went in, and what came out at which instant."""

    pushed: str = ""
    labels: list[Label] = field(default_factory=list)  # of each character pushed
    ended: Outcome | Failure | None = None
    events: list[tuple[float, Event]] = field(default_factory=list)

    def text(self) -> str:
        """All text that came out."""
        return "".join(event.text for _, event in self.events if isinstance(event, Delta | Finished))


def live(pacer: Pacer, steps: list[tuple[float, Step]], begin: float) -> Life:
    """Take the steps, end if no step did, and poll once more."""
    life, now, index, label = Life(), begin, 0, ANSWER
    for pause, step in [*steps, (0.0, Failure(Code.CANCELLED)), (0.0, None)]:
        now += pause
        if step is None:
            life.events += [(now, event) for event in pacer.poll(now=now)]
        elif isinstance(step, Label):
            label = step
            pacer.label(step)
        elif isinstance(step, str):
            index += 1
            life.pushed += "" if life.ended or pacer.closed else step
            life.labels += [] if life.ended or pacer.closed else [label] * len(step)
            pacer.push(step, index, now=now)
        else:
            life.ended = life.ended or step
            pacer.end(step, now=now)
    return life


def make_pacer(interval_s: float, begin: float, timeout_s: float = 120.0) -> Pacer:
    return Pacer(interval_s=interval_s, ping_interval_s=15.0, timeout_s=timeout_s, now=begin)


@given(steps=STEPS, interval_s=INTERVALS, begin=BEGINNINGS)
def test_all_text_out_equals_all_text_in(steps: list[tuple[float, Step]], interval_s: float, begin: float) -> None:
    life = live(make_pacer(interval_s, begin), steps, begin)
    assert life.text() == life.pushed


@given(steps=STEPS, interval_s=INTERVALS, begin=BEGINNINGS)
def test_deltas_are_at_least_an_interval_apart(
    steps: list[tuple[float, Step]], interval_s: float, begin: float
) -> None:
    life = live(make_pacer(interval_s, begin), steps, begin)
    last = life.events[-1][0]
    instants = [now for now, event in life.events if isinstance(event, Delta) and now < last]
    if any(isinstance(step, Label) for _, step in steps):
        instants = sorted(set(instants))  # those of several labels leave together
    assert all(later >= earlier + interval_s - ROUNDING_S for earlier, later in pairwise(instants))


@given(steps=STEPS, interval_s=INTERVALS, begin=BEGINNINGS)
def test_the_end_comes_exactly_once_and_last(steps: list[tuple[float, Step]], interval_s: float, begin: float) -> None:
    pacer = make_pacer(interval_s, begin)
    life = live(pacer, steps, begin)
    ends = [isinstance(event, Finished | Failed) for _, event in life.events]
    assert sum(ends) == 1
    assert ends[-1]
    assert pacer.closed


@given(steps=STEPS, begin=BEGINNINGS)
def test_the_end_is_the_first_that_was_said_or_the_deadline(steps: list[tuple[float, Step]], begin: float) -> None:
    life = live(make_pacer(0.05, begin), steps, begin)
    _, last = life.events[-1]
    if isinstance(last, Finished):
        assert last.outcome == life.ended
    elif isinstance(last, Failed):
        assert last.failure in (life.ended, Failure(Code.TIMEOUT))


@given(steps=STEPS, interval_s=INTERVALS, begin=BEGINNINGS)
def test_indices_never_fall(steps: list[tuple[float, Step]], interval_s: float, begin: float) -> None:
    life = live(make_pacer(interval_s, begin), steps, begin)
    indices = [event.next_index for _, event in life.events if not isinstance(event, Ping)]
    assert indices == sorted(indices)


@given(steps=STEPS, interval_s=INTERVALS, begin=BEGINNINGS)
def test_a_poll_says_something_exactly_from_its_due_time_on(
    steps: list[tuple[float, Step]], interval_s: float, begin: float
) -> None:
    pacer, now = make_pacer(interval_s, begin), begin
    for index, (pause, step) in enumerate(steps):
        if isinstance(step, str):
            pacer.push(step, index + 1, now=now)
        elif isinstance(step, Label):
            pacer.label(step)
        elif step:
            pacer.end(step, now=now)
        now += pause
        due = pacer.due
        says_something = bool(pacer.poll(now=now))
        assert says_something == (now >= due) or abs(now - due) < ROUNDING_S


@given(quarters=st.integers(0, 4000), interval_s=st.sampled_from([0.0, 0.0625, 0.5]), pushes=st.sets(st.integers(0)))
def test_polled_whenever_it_is_due_it_pings_once_per_interval_of_life(
    quarters: int, interval_s: float, pushes: set[int]
) -> None:
    life_s = quarters / 4  # a binary fraction, as all instants here: exact
    pacer = make_pacer(interval_s, 0.0, timeout_s=10_000.0)
    pings, now = 0, 0.0
    while pacer.due <= life_s:
        now = pacer.due
        pings += sum(event == Ping() for event in pacer.poll(now=now))
        if round(now) in pushes:
            pacer.push("x", 1, now=now)
            pushes.discard(round(now))
    assert pings == floor(life_s / 15.0)


@given(interval_s=INTERVALS, steps=STEPS, begin=BEGINNINGS)
def test_every_character_keeps_its_label(interval_s: float, steps: list[tuple[float, Step]], begin: float) -> None:
    life = live(make_pacer(interval_s, begin), steps, begin)
    labels: list[Label] = []
    for _, event in life.events:
        if isinstance(event, Delta):
            labels += [event.label] * len(event.text)
        elif isinstance(event, Finished):
            labels += [ANSWER] * len(event.text)
    assert labels == life.labels
