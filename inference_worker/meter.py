"""Counts, with plain numbers: what is told to Prometheus is made of them when it asks.

The edge has the same: the services share the protos and nothing else.
"""

from bisect import bisect_left
from collections.abc import Sequence

from inference_worker.measures import MEASURES, PREFIX, Kind

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
    """Values and histograms at one instant, by name and labels."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.histograms: dict[Key, tuple[list[int], float]] = {}

    def set(self, name: str, value: float, *labels: str) -> None:
        """What a gauge is, or a counter that is kept elsewhere."""
        self.values[(_full(name, labels), *labels)] = value

    def count(self, name: str, value: float, *labels: str) -> None:
        """Add to a counter."""
        key = (_full(name, labels), *labels)
        self.values[key] = self.values.get(key, 0) + value


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
