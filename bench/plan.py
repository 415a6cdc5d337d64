"""What is measured, in which order: rounds in which each peer has its turn, so that a noisy minute hits all alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.curves import CURVES
from bench.line_up import PEERS
from bench.loads import Load

TABLES = "tables"  # the part of a run whose peers are compared in tables; every curve is another
REPEAT = 3
FULL_S, QUICK_S, CURVE_S = 10.0, 4.0, 6.0  # how long streams live
ONE_STREAM = ("edge",)  # what is measured of it is what our pair adds
# The largest loads are for those that have not fallen behind before.
FULL: Mapping[str, Sequence[str]] = {
    "1x50": ONE_STREAM,
    "1000x25": tuple(PEERS),
    "500x100": tuple(PEERS),
    "1000x50": tuple(PEERS),
    "2000x40": ("edge", "envoy", "floor"),
    "5000x10": ("edge", "envoy"),
}
QUICK_PEERS = ("edge", "envoy", "floor")
QUICK: Mapping[str, Sequence[str]] = {"300x25": QUICK_PEERS}


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement."""

    part: str  # TABLES, or a curve's name
    load: Load
    peer: str
    round: int = 0

    def __str__(self) -> str:
        return f"{self.part}, {self.load}, round {self.round + 1}, {self.peer}"


def full(repeat: int = REPEAT) -> list[Step]:
    """All that the report shows."""
    return tables(FULL, repeat=repeat) + curves()


def some(loads: Sequence[str], peers: Sequence[str], *, quick: bool, repeat: int = 0) -> list[Step]:
    """What is asked for; what is empty or 0 is as it always is, and no curves.

    Args:
        loads: As Load.parse takes them.
        peers: Their names in the line-up.
        quick: Shorter, and once; of fewer peers and loads.
        repeat: Rounds.
    """
    usual, others = (QUICK, QUICK_PEERS) if quick else (FULL, tuple(PEERS))
    chosen = {load: peers or usual.get(load, others) for load in loads or usual}
    return tables(chosen, repeat=repeat or (1 if quick else REPEAT), seconds=QUICK_S if quick else FULL_S)


def tables(loads: Mapping[str, Sequence[str]], *, repeat: int, seconds: float = FULL_S) -> list[Step]:
    """Each load's peers, one after another, `repeat` times. A single stream is measured once: that is many requests."""
    steps = []
    for text, peers in loads.items():
        load = Load.parse(text, seconds=seconds)
        rounds, taken = (1, ONE_STREAM) if load.streams == 1 else (repeat, peers)
        steps += [Step(TABLES, load, peer, number) for number in range(rounds) for peer in taken]
    return steps


def curves() -> list[Step]:
    """Each point of the curves, once, and shorter."""
    return [
        Step(curve.name, Load.parse(point.load, seconds=CURVE_S), point.peer)
        for curve in CURVES
        for point in curve.points
    ]
