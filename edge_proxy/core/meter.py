"""Counts, with plain numbers: what is told to Prometheus is made of them when it asks.

Meter    a process's own counters and histograms, added to as things happen
Figures  what they, and gauges, were at one instant; those of several processes add up
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Self

from edge_proxy.core.measures import MEASURES, PREFIX, Kind

Key = tuple[str, ...]  # a name, and the values of its labels


class Histogram:
    """How often values were how large.

    Args:
        bounds: Of its buckets, upper and inclusive, in order; above the last there is one more.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Figures:
    """Values and histograms, by name and labels."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.histograms: dict[Key, tuple[list[int], float]] = {}

    def add(self, other: Self, *, gauges: bool = True) -> None:
        """Add another process's; without its gauges, if it is gone."""
        for key, value in other.values.items():
            if gauges or MEASURES[key[0]].kind is not Kind.GAUGE:
                self.values[key] = self.values.get(key, 0) + value
        for key, (counts, total) in other.histograms.items():
            mine, before = self.histograms.get(key, ([0] * len(counts), 0.0))
            self.histograms[key] = [a + b for a, b in zip(mine, counts, strict=True)], before + total

    def gauge(self, name: str, value: float, *labels: str) -> None:
        """Set one; its last label is the process."""
        self.values[(_full(name, labels), *labels)] = value

    def count(self, name: str, value: float, *labels: str) -> None:
        """Add to a counter that is kept elsewhere."""
        key = (_full(name, labels), *labels)
        self.values[key] = self.values.get(key, 0) + value

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return {
            "values": [[*key, value] for key, value in self.values.items()],
            "histograms": [[*key, counts, total] for key, (counts, total) in self.histograms.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What another process has said."""
        figures = cls()
        figures.values = {tuple(key): value for *key, value in data["values"]}
        figures.histograms = {tuple(key): (counts, total) for *key, counts, total in data["histograms"]}
        return figures


class Meter:
    """Counters and histograms. Names are those of the table, without our prefix where they have it."""

    def __init__(self) -> None:
        self._counts: dict[Key, float] = {}
        self._histograms: dict[Key, Histogram] = {}
        for name, measure in MEASURES.items():
            if measure.labels:
                continue
            if measure.kind is Kind.COUNTER:
                self._counts[(name,)] = 0
            elif measure.kind is Kind.HISTOGRAM:
                self._histograms[(name,)] = Histogram(measure.bounds)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        key = (_full(name, labels), *labels)
        self._counts[key] = self._counts.get(key, 0) + by

    def histogram(self, name: str, *labels: str) -> Histogram:
        """A histogram to add to; the same one each time."""
        key = (_full(name, labels), *labels)
        if key not in self._histograms:
            self._histograms[key] = Histogram(MEASURES[key[0]].bounds)
        return self._histograms[key]

    def total(self, name: str) -> tuple[int, float]:
        """How many values all histograms of that name have, whatever their labels, and what they sum up to."""
        each = [histogram for key, histogram in self._histograms.items() if key[0] == PREFIX + name]
        return sum(sum(one.counts) for one in each), sum(one.sum for one in each)

    def figures(self) -> Figures:
        """What they are now."""
        figures = Figures()
        figures.values = dict(self._counts)
        figures.histograms = {key: (list(each.counts), each.sum) for key, each in self._histograms.items()}
        return figures


def _full(name: str, labels: Sequence[str]) -> str:
    full = PREFIX + name if PREFIX + name in MEASURES else name
    if len(MEASURES[full].labels) != len(labels):
        raise ValueError(f"{full} has the labels {', '.join(MEASURES[full].labels)}")
    return full
