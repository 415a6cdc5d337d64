"""Results as if they had been measured."""

from dataclasses import fields

from bench.measure import Result
from bench.results import Run


def result(**figures: float) -> Result:
    """Every figure that is not given is 1."""
    return Result(**({field.name: 1 for field in fields(Result)} | figures))  # type: ignore[arg-type]


def run(load: str, peer: str, *, round_: int = 0, part: str = "tables", **figures: float) -> Run:
    """One measurement."""
    return Run(part, load, peer, round_, result(**figures))
