"""What was measured: medians and ratios of it, and the file that keeps it."""

import json
import statistics
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from bench.build import BUILT
from bench.first_token import FirstToken
from bench.loads import Load
from bench.measure import Result

FULL_FILE = BUILT / "results.json"
PARTIAL_FILE = BUILT / "results-partial.json"  # so that a quick look does not cost the last full run


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement, and which it was."""

    part: str
    load: str
    peer: str
    round: int
    result: Result


@dataclass(slots=True)
class Results:
    """All measurements so far, and of what they are."""

    machine: dict[str, str] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)  # by name: what each is
    runs: list[Run] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)  # peers that can not run here, and why
    first_token: FirstToken | None = None

    def loads(self, part: str) -> list[str]:
        """Of a part, in the order of measuring."""
        return list(dict.fromkeys(run.load for run in self.runs if run.part == part))

    def peers_of(self, part: str, load: str) -> list[str]:
        """That have results under this load, in the order of measuring."""
        return list(dict.fromkeys(run.peer for run in self.runs if (run.part, run.load) == (part, load)))

    def rounds(self, part: str, load: str, peer: str) -> dict[int, Result]:
        """One peer's results under one load, by round."""
        return {run.round: run.result for run in self.runs if (run.part, run.load, run.peer) == (part, load, peer)}

    def median(self, part: str, load: str, peer: str) -> Result | None:
        """Each figure's own median over the rounds."""
        results = list(self.rounds(part, load, peer).values())
        if not results:
            return None
        names = [figure.name for figure in fields(Result)]
        return Result(**{name: statistics.median(getattr(result, name) for result in results) for name in names})

    def ratio(self, part: str, load: str, figure: str, peer: str, other: str) -> float | None:
        """The median of what the figures of two peers are to each other in each round: noise of a round hits both."""
        ours, others = self.rounds(part, load, peer), self.rounds(part, load, other)
        pairs = [(ours[number], others[number]) for number in ours if number in others]
        ratios = [getattr(one, figure) / getattr(two, figure) for one, two in pairs if getattr(two, figure) > 0]
        return statistics.median(ratios) if ratios else None

    def lost(self, part: str, load: str, peer: str) -> int | None:
        """Streams that did not come to their end, or failed, in the worst round."""
        results = self.rounds(part, load, peer).values()
        streams = Load.parse(load).streams
        return max((max(streams - result.complete, result.errors) for result in results), default=None)


def to_json(results: Results) -> str:
    """For the file."""
    return json.dumps(asdict(results), indent=1)


def from_json(text: str) -> Results:
    """The same results again.

    Raises:
        ValueError: They are of another version of the benchmark.
    """
    saved = json.loads(text)
    try:
        saved["runs"] = [Run(**run | {"result": Result(**run["result"])}) for run in saved["runs"]]
        saved["first_token"] = FirstToken(**saved["first_token"]) if saved["first_token"] else None
        return Results(**saved)
    except (KeyError, TypeError) as error:
        raise ValueError(f"The saved results are of another version of the benchmark: {error}") from error


def save(results: Results, file: Path) -> None:
    """Write the file, whole or not at all."""
    file.parent.mkdir(exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(to_json(results))
    new.replace(file)
