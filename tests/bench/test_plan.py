from bench.line_up import FAMILIES, PEERS
from bench.plan import FULL, TABLES, full, some, tables


def test_each_round_has_every_peer_before_the_next_begins() -> None:
    steps = tables({"10x1": ("edge", "envoy")}, repeat=2)
    assert [(step.round, step.peer) for step in steps] == [(0, "edge"), (0, "envoy"), (1, "edge"), (1, "envoy")]


def test_one_stream_is_measured_once_and_of_the_edge_alone() -> None:
    assert [step.peer for step in tables({"1x50": tuple(PEERS)}, repeat=3)] == ["edge"]


def test_a_full_run_has_the_tables_and_then_the_curves() -> None:
    steps = full()
    parts = list(dict.fromkeys(step.part for step in steps))
    assert parts == [TABLES, "streams", "tokens", "processes"]
    assert {step.peer for step in steps} <= {*PEERS, *FAMILIES}
    assert len({(step.part, step.load, step.peer, step.round) for step in steps}) == len(steps)


def test_what_is_not_asked_for_is_as_always() -> None:
    assert [step.load.text for step in some((), ("edge",), quick=False, repeat=1)] == list(FULL)
    assert [step.peer for step in some((), (), quick=True)] == ["edge", "envoy", "floor"]
    assert [step.peer for step in some(["20x5"], (), quick=False, repeat=1)] == list(PEERS)


def test_a_quick_run_is_short_and_once() -> None:
    steps = some(["20x5"], ["edge"], quick=True)
    assert [(step.load.seconds, step.round) for step in steps] == [(4, 0)]
    assert [step.round for step in some(["20x5"], ["edge"], quick=False)] == [0, 1, 2]
