import re

import pytest

from inference_worker.measures import MEASURES, Kind


@pytest.mark.parametrize("name", MEASURES)
def test_a_name_is_as_prometheus_wants_it(name: str) -> None:
    measure = MEASURES[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z]", name)
    assert name.endswith("_total") == (measure.kind is Kind.COUNTER)
    assert measure.says.endswith(".")


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if measure.kind is Kind.HISTOGRAM])
def test_bounds_of_buckets_rise(name: str) -> None:
    bounds = MEASURES[name].bounds
    assert list(bounds) == sorted(set(bounds))
    assert bounds
