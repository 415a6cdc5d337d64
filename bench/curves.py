"""The curves of the report: what changes along each, and the points that the results have of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results import Results

STREAMS = (100, 500, 1000, 2000, 5000)
TOKENS_PER_S = (10, 25, 50, 100)
PROCESSES = (1, 2)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of a curve."""

    x: int
    line: str  # what it is a point of, as the picture calls it
    peer: str
    load: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One picture."""

    name: str  # docs/images/bench-NAME.svg
    title: str
    x_label: str
    points: Sequence[Point]
    log_x: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """A point, and what there was."""

    x: int
    us_per_token: float
    age_p99_ms: float
    whole: bool  # every stream came to its end


def _both(x: int, load: str) -> list[Point]:
    return [Point(x, "this edge", "edge", load), Point(x, "Envoy", "envoy", load)]


CURVES = (
    Curve(
        "streams",
        "More streams, of 25 tokens a second each",
        "streams",
        [point for streams in STREAMS for point in _both(streams, f"{streams}x25")],
    ),
    Curve(
        "tokens",
        "Faster tokens, on 1,000 streams",
        "tokens per second and stream",
        [point for rate in TOKENS_PER_S for point in _both(rate, f"1000x{rate}")],
    ),
    Curve(
        "processes",
        "More processes of this edge, on 2,000 streams of 40 tokens a second",
        "processes",
        [Point(count, "this edge", f"edge-{count}", "2000x40") for count in PROCESSES],
        log_x=False,
    ),
)


def lines(curve: Curve, results: Results) -> dict[str, list[Measured]]:
    """The curve's lines by name, each with the points that were measured."""
    found: dict[str, list[Measured]] = {}
    for point in curve.points:
        result = results.median(curve.name, point.load, point.peer)
        if result:
            whole = results.lost(curve.name, point.load, point.peer) == 0
            measured = Measured(point.x, result.proxy_us_per_token, result.age_p99_ms, whole)
            found.setdefault(point.line, []).append(measured)
    return found
