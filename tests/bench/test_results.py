from pathlib import Path

import pytest

from bench.first_token import FirstToken
from bench.results import Results, from_json, save, to_json
from tests.bench.measured import run


def test_the_median_is_each_figures_own() -> None:
    pairs = [(1, 30), (2, 10), (9, 20)]
    runs = [run("10x1", "edge", round_=n, age_p50_ms=a, age_p99_ms=b) for n, (a, b) in enumerate(pairs)]
    median = Results(runs=runs).median("tables", "10x1", "edge")
    assert median
    assert (median.age_p50_ms, median.age_p99_ms) == (2, 20)
    assert Results(runs=runs).median("tables", "10x1", "envoy") is None
    assert Results(runs=runs).median("streams", "10x1", "edge") is None


def test_a_ratio_is_formed_in_each_round_before_its_median() -> None:
    edge, envoy = [10, 40, 50], [100, 80, 50]  # the medians' ratio would be 40 / 80
    runs = [run("10x1", "edge", round_=n, proxy_us_per_token=v) for n, v in enumerate(edge)]
    runs += [run("10x1", "envoy", round_=n, proxy_us_per_token=v) for n, v in enumerate(envoy)]
    runs += [run("10x1", "edge", round_=3, proxy_us_per_token=7)]  # without its other
    results = Results(runs=runs)
    assert results.ratio("tables", "10x1", "proxy_us_per_token", "edge", "envoy") == pytest.approx(0.5)
    runs[0] = run("10x1", "edge", round_=0, proxy_us_per_token=90)
    assert results.ratio("tables", "10x1", "proxy_us_per_token", "edge", "envoy") == pytest.approx(0.9)
    assert results.ratio("tables", "10x1", "proxy_us_per_token", "edge", "naive") is None


def test_a_peer_that_costs_nothing_has_no_ratio() -> None:
    results = Results(runs=[run("10x1", "edge"), run("10x1", "floor", proxy_us_per_token=0)])
    assert results.ratio("tables", "10x1", "proxy_us_per_token", "edge", "floor") is None


def test_lost_streams_are_of_the_worst_round() -> None:
    runs = [run("10x1", "edge", round_=n, complete=c, errors=e) for n, (c, e) in enumerate([(10, 0), (9, 0), (10, 3)])]
    assert Results(runs=runs).lost("tables", "10x1", "edge") == 3
    assert Results(runs=runs[:2]).lost("tables", "10x1", "edge") == 1
    assert Results(runs=runs).lost("tables", "10x1", "envoy") is None


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    results = Results(
        machine={"CPU": "fast"},
        peers={"edge": "this edge"},
        runs=[run("10x1", "edge"), run("10x1", "edge", part="streams")],
        unavailable={"envoy": "not installed"},
        first_token=FirstToken(200, 2.0, 4.0, 1.0, 2.0),
    )
    file = tmp_path / "results.json"
    save(results, file)
    assert from_json(file.read_text()) == results
    assert list(tmp_path.iterdir()) == [file]
    assert from_json(to_json(Results())) == Results()


def test_a_file_of_another_version_says_so() -> None:
    text = to_json(Results(runs=[run("10x1", "edge")])).replace("worker_cores", "gone")
    with pytest.raises(ValueError, match="another version"):
        from_json(text)
