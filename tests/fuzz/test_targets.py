"""What the fuzzer tries, tried a little by hypothesis alone: every run of the tests sees whether it still holds."""

import random
from collections import Counter
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_proxy.core import cursor
from edge_proxy.core.cursor import Cursor
from tests.edge_proxy.dialects.spoken import SPOKEN
from tests.fuzz import targets
from tests.fuzz.targets import SEEDS, TARGETS, shaped
from tests.fuzz.worker import fuzzed_worker
from tests.fuzz.worker_targets import Caller
from tests.fuzz.worker_targets import targets as worker_targets

EXAMPLES = 200
WORKER_EXAMPLES = 60


def test_any_body_is_taken_or_refused() -> None:
    targets.any_body_is_taken_or_refused()


def test_any_query_is_taken_or_refused() -> None:
    targets.any_query_is_taken_or_refused()


def test_any_frame_is_answered() -> None:
    targets.any_frame_is_answered()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_its_seeds_and_for_anything(name: str) -> None:
    for seed in SEEDS.get(name) or shaped(8):
        TARGETS[name](seed)

    @settings(max_examples=EXAMPLES)
    @given(st.binary(max_size=60))
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()


def test_a_target_fails_where_a_reader_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "parse", lambda text: Cursor("w1-5c0fe2", 41))
    with pytest.raises(AssertionError):
        TARGETS["resume_id"](b"w1-5c0fe2.42")


def test_choices_of_some_length_reach_every_dialect_and_every_call() -> None:
    """What is too short to be a whole example is passed over by hypothesis, and nothing would be tried."""
    dialects: Counter[str] = Counter()
    for name, property_of in targets.ROUND_TRIPS.items():
        for seed in shaped(20):
            dialects[name] += targets.fuzz(property_of, seed) is not None
    assert [name for name in SPOKEN if not dialects[name]] == []
    caller = MagicMock()
    for seed in [*shaped(64), *shaped(64, begin=64)]:
        worker_targets(caller)["worker_calls"](seed)
    called = {name for name, _, _ in caller.mock_calls}
    assert called == {"exchange", "generate", "cancel", "send_message"}


def test_a_worker_is_as_before_whatever_comes_to_its_port() -> None:
    chance = random.Random(targets.SEED)
    with fuzzed_worker() as worker:
        caller = Caller(worker.address)
        for target in worker_targets(caller).values():
            for _ in range(WORKER_EXAMPLES):
                target(chance.randbytes(chance.randint(1, 1500)))
        caller.close()
        worker.check()
