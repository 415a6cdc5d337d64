import pytest

from bench import runner
from bench.loads import Load
from bench.measure import Result
from bench.peers.base import Peer, Unavailable
from bench.plan import tables
from bench.results import Results
from tests.bench.measured import result


def measure(peer: Peer, load: Load) -> Result:
    """Nothing is run."""
    if peer.name == "Envoy":
        raise Unavailable("not installed")
    return result()


def test_a_peer_that_can_not_run_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "measure", measure)
    kept: list[int] = []

    def keep(results: Results) -> None:
        kept.append(len(results.runs))

    results = runner.run(tables({"10x1": ("edge", "envoy"), "20x1": ("envoy", "edge")}, repeat=2), keep)
    assert [(run.load, run.peer, run.round) for run in results.runs] == [
        ("10x1", "edge", 0),
        ("10x1", "edge", 1),
        ("20x1", "edge", 0),
        ("20x1", "edge", 1),
    ]
    assert results.unavailable == {"envoy": "not installed"}
    assert kept == [1, 1, 2, 3, 4]  # after each step
    said = capsys.readouterr()
    assert said.err.count("not installed") == 1
    assert said.out == ""
