"""What the edge is meant to reach, and whether it did."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.markdown import number, text_table
from bench.plan import TABLES
from bench.results import Results

Measure = Callable[[Results, str], float | None]


def over(peer: str, figure: str) -> Measure:
    """The edge's figure over another peer's, of the same round; the median of the rounds."""
    return lambda results, load: results.ratio(TABLES, load, figure, "edge", peer)


def figure(name: str) -> Measure:
    """A figure of the edge; the median of the rounds."""

    def measure(results: Results, load: str) -> float | None:
        median = results.median(TABLES, load, "edge")
        return None if median is None else float(getattr(median, name))

    return measure


def lost(results: Results, load: str) -> float | None:
    """Streams of the edge without a proper end, in the worst of the rounds: one is one too many."""
    return results.lost(TABLES, load, "edge")


def first_token(results: Results, load: str) -> float | None:
    """The median of many requests, one at a time."""
    return results.first_token.edge_p50_ms if results.first_token else None


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure under a load that is to be no more than its limit."""

    load: str  # as Load.parse takes it
    what: str
    limit: float
    measure: Measure
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a goal."""

    goal: Goal
    measured: float | None

    @property
    def verdict(self) -> str:
        """In the table's words."""
        if self.measured is None:
            return "not measured"
        return "met" if self.measured <= self.goal.limit else "**missed**"


PER_TOKEN, PER_EVENT = "proxy_us_per_token", "proxy_us_per_event"
GOALS = (
    Goal("1000x25", "CPU per token over Envoy's", 0.6, over("envoy", PER_TOKEN)),
    Goal("500x100", "CPU per token over Envoy's", 0.35, over("envoy", PER_TOKEN)),
    Goal("500x100", "CPU per token over the naive edge's", 0.12, over("naive", PER_TOKEN)),
    Goal("1000x50", "CPU per event over the floor's", 3.0, over("floor", PER_EVENT)),
    Goal("1000x50", "age of a token, p99", 80.0, figure("age_p99_ms"), "ms"),
    Goal("1000x50", "streams with a token older than 250 ms", 0.0, figure("late_streams")),
    Goal("1000x50", "the worker's CPU", 0.25, figure("worker_cores"), "cores"),
    Goal("2000x40", "streams lost", 0.0, lost),
    Goal("2000x40", "age of a token, p99", 150.0, figure("age_p99_ms"), "ms"),
    Goal("5000x10", "streams lost", 0.0, lost),
    Goal("5000x10", "age of a token, p99", 200.0, figure("age_p99_ms"), "ms"),
    Goal("5000x10", "peak memory", 256.0, figure("peak_rss_mib"), "MiB"),
    Goal("1x50", "time to the first token, p50", 5.0, first_token, "ms"),
)


def outcomes(results: Results) -> list[Outcome]:
    """Of every goal."""
    return [Outcome(goal, goal.measure(results, goal.load)) for goal in GOALS]


def goals_table(reached: list[Outcome]) -> str:
    """As Markdown."""
    rows = [
        [outcome.goal.load, outcome.goal.what, *_numbers(outcome), outcome.verdict] for outcome in reached
    ]  # "1000x25" and not "1,000 x 25": this is what --loads takes, for who wants to see one again
    return text_table(["load", "goal", "at most", "measured", ""], rows)


def _numbers(outcome: Outcome) -> tuple[str, str]:
    unit = f" {outcome.goal.unit}" if outcome.goal.unit else ""
    measured = "" if outcome.measured is None else number(outcome.measured) + unit
    return number(outcome.goal.limit) + unit, measured
