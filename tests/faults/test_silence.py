"""A model that says nothing for too long, and one that only seems to."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Pair
from tests.faults.conftest import Trio
from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe


@pytest.fixture(scope="module")
def impatient() -> Iterator[Pair]:
    """An edge that bears a second of silence at first, and half a second later."""
    timers = {"EDGE_FIRST_TOKEN_TIMEOUT_S": "1", "EDGE_GAP_TIMEOUT_S": "0.5"}
    with processes.worker() as (worker, _), processes.edge(worker, **timers) as (edge, _):
        yield Pair(worker, edge)


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        pytest.param({"first_token_delay_ms": 20_000}, 0, id="no first token"),
        pytest.param({"stall_at": 7}, 7, id="a gap"),
    ],
)
async def test_silence_is_a_failure_behind_all_text_and_frees_the_worker(
    impatient: Pair, options: dict[str, int], tokens: int
) -> None:
    events = await (await Exchange.post(impatient.edge, {"prompt": "x", "engine_options": options})).all_events()
    assert len(check_native(events).split()) == tokens
    assert events[-1].json["code"] == "TIMEOUT"
    async with WorkerProbe(impatient.worker) as probe:
        await probe.wait_for_running(0, limit_s=3)


@pytest.mark.parametrize(
    ("options", "patience"),
    [
        pytest.param({"first_token_delay_ms": 20_000}, {"first_token_timeout_s": 0.5}, id="no first token"),
        pytest.param({"stall_at": 7}, {"gap_timeout_s": 0.5}, id="a gap"),
    ],
)
async def test_a_request_can_bear_less_silence_than_the_edge(
    trio: Trio, options: dict[str, int], patience: dict[str, float]
) -> None:
    asked = {"prompt": "x", "engine_options": options} | patience
    events = await (await Exchange.post(trio.edges[0], asked)).all_events()
    check_native(events)
    assert events[-1].json["code"] == "TIMEOUT"


async def test_a_slow_model_is_not_silent(impatient: Pair) -> None:
    options = {"first_token_delay_ms": 800, "tokens_per_second": 4, "tokens": 8}
    events = await (await Exchange.post(impatient.edge, {"prompt": "x", "engine_options": options})).all_events()
    assert len(check_native(events).split()) == 8
    assert events[-1].json["isFinal"]
