from dataclasses import fields

from bench.curves import Curve, Point
from bench.first_token import FirstToken
from bench.measure import Result
from bench.results import Results
from bench.tables import FIGURES, curve_table, first_token_table, load_table, ratios_table
from tests.bench.measured import run


def test_every_figure_has_a_row() -> None:
    assert set(FIGURES.values()) == {field.name for field in fields(Result)}


def test_a_load_has_a_column_for_each_peer() -> None:
    results = Results(runs=[run("10x1", "edge", errors=7), run("10x1", "floor", errors=8), run("20x1", "envoy")])
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in load_table(results, "10x1").splitlines()]
    assert rows[0] == ["", "edge", "floor"]
    assert ["errors", "7", "8"] in rows


def test_ratios_need_an_edge_and_another() -> None:
    edge, floor = run("10x1", "edge", proxy_us_per_event=6), run("10x1", "floor", proxy_us_per_event=2)
    assert "CPU per event, edge over |     3 |" in ratios_table(Results(runs=[edge, floor]), "10x1")
    assert ratios_table(Results(runs=[edge]), "10x1") == ""
    assert ratios_table(Results(runs=[floor]), "10x1") == ""


def test_the_first_token_says_what_is_the_edges() -> None:
    text = first_token_table(Results(first_token=FirstToken(200, 2.25, 4.5, 1.5, 2.75)))
    assert text.splitlines()[-1].split("|")[1:3] == [" difference                ", " 0.75 "]
    assert first_token_table(Results()) == ""


def test_a_curve_says_which_points_fell_behind() -> None:
    curve = Curve("streams", "", "streams", [Point(10, "this edge", "edge", "10x25")])
    results = Results(runs=[run("10x25", "edge", part="streams", complete=9, errors=0)])
    assert curve_table(curve, results).splitlines()[-1].endswith(" no |")
    assert curve_table(curve, Results()) == ""
