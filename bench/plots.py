"""Draws the curves, as SVG that is the same for the same results."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]  # bench only
from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]
from matplotlib.figure import Figure  # type: ignore[import-not-found, unused-ignore]
from matplotlib.ticker import FuncFormatter, NullFormatter  # type: ignore[import-not-found, unused-ignore]

from bench.curves import Curve, Measured

COLOURS = ("#0072B2", "#D55E00")  # told apart by all eyes, and on paper
# A white ground of its own, so that the page's may be dark; text as shapes, which look the same everywhere.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "token-relay",
    "svg.fonttype": "path",
    "font.size": 11,
    "figure.facecolor": "white",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": "#dddddd",
}

Lines = Mapping[str, Sequence[Measured]]


def draw(curve: Curve, lines: Lines, file: Path) -> None:
    """One picture of two panels: what a token costs, and how late it comes."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        cost, age = figure.subplots(1, 2)
        _panel(cost, curve, lines, "us_per_token", "CPU of the proxy, µs per token")
        cost.set_ylim(0, 1.1 * max(point.us_per_token for points in lines.values() for point in points))
        _panel(age, curve, lines, "age_p99_ms", "age of a token on arrival, p99, ms")
        _decades(age, [point.age_p99_ms for points in lines.values() for point in points])
        figure.suptitle(curve.title, fontsize=13)
        if not all(point.whole for points in lines.values() for point in points):
            figure.supxlabel("hollow: not all streams ended in time", fontsize=10, color="#555555")
        file.parent.mkdir(exist_ok=True)
        figure.savefig(file, format="svg", metadata={"Date": None})


def _panel(axes: Axes, curve: Curve, lines: Lines, figure: str, label: str) -> None:
    if curve.log_x:
        axes.set_xscale("log")
    ticks = sorted({point.x for point in curve.points})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    axes.margins(x=0.08)
    axes.set_xlabel(curve.x_label)
    axes.set_ylabel(label)
    highest_first = sorted(lines, key=lambda name: getattr(lines[name][-1], figure), reverse=True)
    for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
        x, y = [point.x for point in points], [getattr(point, figure) for point in points]
        axes.plot(x, y, color=colour, linewidth=2)
        for point, height in zip(points, y, strict=True):
            axes.plot(point.x, height, "o", color=colour, markerfacecolor=colour if point.whole else "white")
        # Names stand at the lines' ends, apart from each other however near those are.
        shift = 7 if name == highest_first[0] else -7
        axes.annotate(
            name,
            (x[-1], y[-1]),
            xytext=(8, shift),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )


def _decades(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis of whole decades from 1, so that there are always numbers on it."""
    axes.set_yscale("log")
    axes.set_ylim(1, 10 ** (math.floor(math.log10(max(*values, 1))) + 1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
