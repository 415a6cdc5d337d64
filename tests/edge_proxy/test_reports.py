import asyncio
from collections.abc import Iterator

import pytest

from edge_proxy import reports
from edge_proxy.core.meter import Figures
from edge_proxy.reports import Place, Reporter, Reports
from tests.edge_proxy.upstream.readers import eventually

TOKENS = ("token_relay_edge_tokens_total",)


class Child:
    """One of the processes, in this one; what it has counted."""

    def __init__(self, place: Place) -> None:
        self.tokens = 0
        self.name = place.name
        self.reporter = Reporter(place.channel, self._read)
        self.channel = place.channel

    def _read(self) -> Figures:
        figures = Figures()
        figures.count("tokens_total", self.tokens)
        figures.gauge("streams_open", 1, self.name)
        return figures

    def tell(self, tokens: int) -> None:
        self.tokens = tokens
        self.reporter.stop()  # which tells once more

    def die(self) -> None:
        self.channel.close()


@pytest.fixture
def parent() -> Iterator[Reports]:
    made = Reports()
    yield made
    made.close()


def test_the_figures_of_all_add_up(parent: Reports) -> None:
    first, second = Child(parent.place("0")), Child(parent.place("1"))
    first.tell(3)
    second.tell(4)
    first.tell(5)
    figures = parent.figures()
    assert figures.values[TOKENS] == 9
    assert {key[-1] for key in figures.values if key[0].endswith("streams_open")} == {"0", "1"}
    first.die()
    second.die()


def test_counters_do_not_go_back_when_one_is_started_again(parent: Reports) -> None:
    child = Child(parent.place("0"))
    for life in range(1, 4):
        child.tell(10)
        child.die()
        assert parent.figures().values[TOKENS] == 10 * life
        parent.gone("0")
        assert parent.figures().values[TOKENS] == 10 * life
        child = Child(parent.place("0"))
        assert parent.figures().values[TOKENS] == 10 * life
    child.die()


def test_the_last_word_of_one_that_died_is_heard(parent: Reports) -> None:
    child = Child(parent.place("0"))
    child.tell(3)
    child.tell(8)
    child.die()
    parent.gone("0")
    values = parent.figures().values
    assert values[TOKENS] == 8
    assert ("token_relay_edge_streams_open", "0") not in values


def test_a_parent_that_does_not_listen_stops_nobody(parent: Reports) -> None:
    child = Child(parent.place("0"))
    for tokens in range(10_000):
        child.tell(tokens)
    parent.hear()
    child.tell(10_000)
    assert parent.figures().values[TOKENS] == 10_000
    child.die()


def test_a_parent_that_is_gone_stops_nobody(parent: Reports) -> None:
    child = Child(parent.place("0"))
    parent.gone("0")
    child.tell(1)
    child.die()


async def test_a_child_tells_by_itself(parent: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PERIOD_S", 0.01)
    child = Child(parent.place("0"))
    child.reporter.start()
    child.tokens = 7
    await eventually(lambda: parent.figures().values[TOKENS] == 7)
    child.reporter.stop()
    await asyncio.sleep(0)
    child.die()
