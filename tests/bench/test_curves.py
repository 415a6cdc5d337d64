from bench.curves import CURVES, Curve, Point, lines
from bench.results import Results
from tests.bench.measured import run

POINTS = [Point(x, peer, peer, f"{x}x25") for x in (10, 20) for peer in ("edge", "envoy")]
CURVE = Curve("streams", "", "streams", POINTS)


def test_lines_have_the_points_that_were_measured() -> None:
    runs = [
        run("10x25", "edge", part="streams", proxy_us_per_token=5, age_p99_ms=50, complete=10, errors=0),
        run("20x25", "edge", part="streams", complete=19, errors=0),
        run("10x25", "envoy", part="streams", complete=10, errors=0),
        run("20x25", "envoy", complete=20, errors=0),  # of the tables, and no point of the curve
    ]
    found = lines(CURVE, Results(runs=runs))
    assert {name: [(point.x, point.whole) for point in points] for name, points in found.items()} == {
        "edge": [(10, True), (20, False)],
        "envoy": [(10, True)],
    }
    assert (found["edge"][0].us_per_token, found["edge"][0].age_p99_ms) == (5, 50)
    assert lines(CURVE, Results()) == {}


def test_peers_of_a_point_are_measured_one_after_another() -> None:
    assert [point.peer for point in CURVES[0].points[:4]] == ["edge", "envoy", "edge", "envoy"]
