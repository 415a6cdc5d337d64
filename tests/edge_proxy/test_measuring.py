import pytest

from edge_proxy.app import Edge
from edge_proxy.core.measures import MEASURES
from edge_proxy.measuring import Measuring
from edge_proxy.settings import Settings


async def test_an_edge_tells_of_its_workers_and_of_itself() -> None:
    values = Edge(Settings(workers=["127.0.0.1:1"])).figures(process="7").values
    assert values[("token_relay_edge_worker_up", "127.0.0.1:1", "7")] == 0
    assert values[("token_relay_edge_batch_stretch", "7")] == 1
    assert values[("token_relay_edge_streams_open", "7")] == 0
    assert values[("token_relay_edge_shared_limits_away", "7")] == 0
    assert values[("process_resident_memory_bytes", "7")] > 0
    assert {key[0] for key in values} <= set(MEASURES)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "0.0.0.0", "allow_anonymous": True}, False),  # noqa: S104 - that is the question
        ({"processes": 2}, False),
    ],
)
async def test_the_one_port_has_metrics_only_where_nobody_else_can_ask(
    settings: dict[str, object], shown: bool
) -> None:
    edge_settings = Settings.model_validate(settings)
    page = Measuring(edge_settings).page(Edge(edge_settings).figures)
    assert (page is not None) is shown


async def test_how_late_timers_are_is_counted() -> None:
    measuring = Measuring(Settings())
    measuring.look(lag_s=0.02, now=1)
    counts, total = measuring.watching.meter.figures().histograms[("token_relay_edge_loop_lag_seconds",)]
    assert (sum(counts), total) == (1, 0.02)


async def test_the_timing_is_that_of_the_last_half_minute() -> None:
    measuring = Measuring(Settings())
    meter = measuring.watching.meter
    measuring.look(lag_s=0, now=100)
    assert list(measuring.timing) == [None, None]
    for dialect, first_s in (("native", 0.1), ("ask", 0.3)):
        meter.histogram("time_to_first_token_seconds", dialect).add(first_s)
    meter.histogram("event_gap_seconds").add(0.05)
    measuring.look(lag_s=0, now=101)
    assert list(measuring.timing) == pytest.approx([0.2, 0.05])
    measuring.look(lag_s=0, now=132)
    assert list(measuring.timing) == [None, None]
