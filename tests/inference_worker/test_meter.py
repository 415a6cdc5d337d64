import pytest

from inference_worker.meter import Figures, Histogram, Meter

ENDED = "token_relay_worker_generations_ended_total"


def test_a_value_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((1, 2, 5))
    for value in (0, 1, 1.5, 2, 5, 5.1):
        histogram.add(value)
    assert histogram.counts == [2, 2, 1, 1]
    assert histogram.sum == pytest.approx(14.6)


def test_counters_count_by_their_labels() -> None:
    meter = Meter()
    meter.count("generations_ended_total", "finished", "")
    meter.count("generations_ended_total", "finished", "", by=2)
    meter.count("generations_ended_total", "failed", "INTERNAL")
    values = meter.figures().values
    assert (values[(ENDED, "finished", "")], values[(ENDED, "failed", "INTERNAL")]) == (3, 1)


def test_what_has_no_labels_is_there_before_it_is_counted() -> None:
    figures = Meter().figures()
    assert figures.values[("token_relay_worker_generations_started_total",)] == 0
    assert sum(figures.histograms[("token_relay_worker_cancel_seconds",)][0]) == 0


@pytest.mark.parametrize("labels", [(), ("finished",), ("finished", "", "x")])
def test_labels_are_as_many_as_the_table_says(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="has the labels outcome, code"):
        Meter().count("generations_ended_total", *labels)


def test_a_name_that_is_not_in_the_table_is_a_slip() -> None:
    with pytest.raises(KeyError):
        Figures().set("genrations_running", 1)
