import json

import pytest

from edge_proxy.core.meter import Figures, Histogram, Meter

ENDED = "token_relay_edge_streams_ended_total"
TOKENS = "token_relay_edge_tokens_total"
OPEN = "token_relay_edge_streams_open"
CANCEL = "token_relay_edge_cancel_seconds"


def figures(*, tokens: int, open_now: int, process: str) -> Figures:
    meter = Meter()
    meter.count("tokens_total", by=tokens)
    meter.histogram("cancel_seconds").add(0.002)
    made = meter.figures()
    made.gauge("streams_open", open_now, process)
    return made


def test_a_value_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((1, 2, 5))
    for value in (0, 1, 1.5, 2, 5, 5.1):
        histogram.add(value)
    assert histogram.counts == [2, 2, 1, 1]
    assert histogram.sum == pytest.approx(14.6)


def test_counters_count_by_their_labels() -> None:
    meter = Meter()
    meter.count("streams_ended_total", "native", "finished", "")
    meter.count("streams_ended_total", "native", "finished", "", by=2)
    meter.count("streams_ended_total", "native", "failed", "TIMEOUT")
    values = meter.figures().values
    assert values[(ENDED, "native", "finished", "")] == 3
    assert values[(ENDED, "native", "failed", "TIMEOUT")] == 1


def test_what_has_no_labels_is_there_before_it_is_counted() -> None:
    made = Meter().figures()
    assert made.values[(TOKENS,)] == 0
    assert sum(made.histograms[(CANCEL,)][0]) == 0


@pytest.mark.parametrize("labels", [(), ("native",), ("native", "finished", "", "x")])
def test_labels_are_as_many_as_the_table_says(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="has the labels dialect, outcome, code"):
        Meter().count("streams_ended_total", *labels)


def test_a_name_that_is_not_in_the_table_is_a_slip() -> None:
    with pytest.raises(KeyError):
        Meter().count("strems_total")


def test_figures_of_processes_add_up_and_gauges_stand_side_by_side() -> None:
    together = Figures()
    together.add(figures(tokens=3, open_now=1, process="0"))
    together.add(figures(tokens=4, open_now=2, process="1"))
    assert together.values[(TOKENS,)] == 7
    assert (together.values[(OPEN, "0")], together.values[(OPEN, "1")]) == (1, 2)
    counts, total = together.histograms[(CANCEL,)]
    assert (sum(counts), total) == (2, 0.004)


def test_of_a_process_that_is_gone_the_gauges_are_gone() -> None:
    past = Figures()
    past.add(figures(tokens=3, open_now=1, process="0"), gauges=False)
    assert past.values[(TOKENS,)] == 3
    assert (OPEN, "0") not in past.values


def test_figures_are_the_same_after_a_way_between_processes() -> None:
    made = figures(tokens=3, open_now=1, process="0")
    there = Figures.from_json(json.loads(json.dumps(made.as_json())))
    assert there.values == made.values
    together = Figures()
    together.add(there)
    assert together.histograms == made.histograms
