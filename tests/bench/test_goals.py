import pytest

from bench.first_token import FirstToken
from bench.goals import GOALS, Goal, Outcome, figure, goals_table, outcomes
from bench.loads import Load
from bench.plan import FULL
from bench.results import Results, Run
from tests.bench.measured import result, run


def verdicts(results: Results) -> dict[tuple[str, str], str]:
    return {(outcome.goal.load, outcome.goal.what): outcome.verdict for outcome in outcomes(results)}


def good() -> Results:
    """Every goal is met, just so."""
    costs = {"edge": 6.0, "envoy": 20.0, "naive": 60.0, "floor": 2.0}
    runs = [
        run(
            load,
            peer,
            proxy_us_per_token=cost,
            proxy_us_per_event=cost,
            complete=Load.parse(load).streams,
            errors=0,
            late_streams=0,
            age_p99_ms=80,
            worker_cores=0.25,
            peak_rss_mib=256,
        )
        for load in FULL
        for peer, cost in costs.items()
    ]
    return Results(runs=runs, first_token=FirstToken(200, 5.0, 9.0, 2.0, 3.0))


def test_all_goals_can_be_met() -> None:
    assert set(verdicts(good()).values()) == {"met"}


@pytest.mark.parametrize(
    ("load", "what", "figures"),
    [
        ("1000x25", "CPU per token over Envoy's", {"proxy_us_per_token": 12.1}),
        ("500x100", "CPU per token over Envoy's", {"proxy_us_per_token": 7.1}),
        ("500x100", "CPU per token over the naive edge's", {"proxy_us_per_token": 7.3}),
        ("1000x50", "CPU per event over the floor's", {"proxy_us_per_event": 6.1}),
        ("1000x50", "age of a token, p99", {"age_p99_ms": 80.1}),
        ("1000x50", "streams with a token older than 250 ms", {"late_streams": 1}),
        ("1000x50", "the worker's CPU", {"worker_cores": 0.26}),
        ("2000x40", "streams lost", {"complete": 1999, "errors": 0}),
        ("2000x40", "streams lost", {"complete": 2000, "errors": 1}),
        ("2000x40", "age of a token, p99", {"age_p99_ms": 151}),
        ("5000x10", "streams lost", {"complete": 4999, "errors": 1}),
        ("5000x10", "age of a token, p99", {"age_p99_ms": 201}),
        ("5000x10", "peak memory", {"peak_rss_mib": 257}),
    ],
)
def test_a_goal_can_be_missed(load: str, what: str, figures: dict[str, float]) -> None:
    results = good()
    others = [one for one in results.runs if (one.load, one.peer) != (load, "edge")]
    results.runs = [*others, Run("tables", load, "edge", 0, result(**figures))]
    assert verdicts(results)[load, what] == "**missed**"


def test_a_late_first_token_misses_its_goal() -> None:
    results = good()
    results.first_token = FirstToken(200, 5.1, 9.0, 2.0, 3.0)
    assert verdicts(results)["1x50", "time to the first token, p50"] == "**missed**"


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert set(verdicts(Results()).values()) == {"not measured"}
    results = good()
    results.runs = [one for one in results.runs if one.peer != "envoy"]
    assert verdicts(results)["1000x25", "CPU per token over Envoy's"] == "not measured"
    assert verdicts(results)["1000x50", "age of a token, p99"] == "met"


def test_every_goal_is_of_a_load_that_a_full_run_measures() -> None:
    assert {goal.load for goal in GOALS} <= set(FULL)


def test_the_table_has_a_row_for_each() -> None:
    goal = Goal("10x1", "age of a token, p99", 80.0, figure("age_p99_ms"), "ms")
    rows = goals_table([Outcome(goal, 91.25), Outcome(goal, None)]).splitlines()
    assert rows[2:] == [
        "| 10x1 | age of a token, p99 | 80 ms | 91.2 ms | **missed** |",
        "| 10x1 | age of a token, p99 | 80 ms |  | not measured |",
    ]
