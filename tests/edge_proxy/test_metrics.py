"""Figures on a port, as Prometheus's own parser reads them."""

import asyncio
import socket
import threading
import urllib.request

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge_proxy.core.measures import MEASURES
from edge_proxy.core.meter import Figures, Meter
from edge_proxy.metrics import MetricsError, OnLoop, registry, serve, where
from edge_proxy.settings import Settings


def made() -> Figures:
    meter = Meter()
    meter.count("streams_ended_total", 'a "b"\n', "finished", "")
    for value in (0.01, 0.01, 7):
        meter.histogram("cancel_seconds").add(value)
    figures = meter.figures()
    figures.gauge("streams_open", 3, "0")
    return figures


def samples(text: str) -> dict[tuple[str, ...], float]:
    """By name and values of labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_figures_are_spelled_as_prometheus_reads_them() -> None:
    read = samples(generate_latest(registry(made)).decode())
    assert read[("token_relay_edge_streams_open", "0")] == 3
    name = "token_relay_edge_cancel_seconds"
    assert read[(f"{name}_count",)] == 3
    assert read[(f"{name}_sum",)] == pytest.approx(7.02)
    assert [read[(f"{name}_bucket", bound)] for bound in ("0.005", "0.01", "2.5", "10.0", "+Inf")] == [0, 2, 2, 3, 3]
    [ended] = [key for key in read if key[0] == "token_relay_edge_streams_ended_total"]
    assert 'a "b"\n' in ended


def test_every_measure_is_there_with_what_it_says() -> None:
    text = generate_latest(registry(made)).decode()
    assert [name for name in MEASURES if f"# HELP {name} " not in text] == []


def test_they_are_served_on_a_port() -> None:
    server = serve(made, host="127.0.0.1", port=0, must=True)
    assert server
    assert samples(fetch(server.server_port))[("token_relay_edge_streams_open", "0")] == 3
    server.shutdown()
    server.server_close()


def test_without_a_port_there_are_none() -> None:
    assert serve(made, host="127.0.0.1", port=-1, must=True) is None


def test_a_port_that_is_taken_matters_to_who_asked_for_it(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MetricsError, match=f"127.0.0.1:{port} can not be listened on"):
            serve(made, host="127.0.0.1", port=port, must=True)
        assert serve(made, host="127.0.0.1", port=port, must=False) is None
    assert "There are no metrics" in caplog.text


def test_who_sets_a_port_must_have_it() -> None:
    assert not where(Settings())["must"]
    assert where(Settings(metrics_port=9464))["must"]


async def test_another_thread_gets_figures_that_were_made_on_the_loop() -> None:
    threads: list[str] = []

    def read() -> Figures:
        threads.append(threading.current_thread().name)
        return made()

    on_loop = OnLoop(asyncio.get_running_loop(), read)
    figures = await asyncio.to_thread(on_loop)
    assert figures.values == made().values
    assert threads == ["MainThread", "MainThread"]


async def test_a_loop_that_is_too_busy_gives_what_it_gave_last() -> None:
    counts = iter(range(10))

    def read() -> Figures:
        figures = Figures()
        figures.count("tokens_total", next(counts))
        return figures

    on_loop = OnLoop(asyncio.get_running_loop(), read, limit_s=0.05)
    answers: list[Figures] = []
    thread = threading.Thread(target=lambda: answers.append(on_loop()))
    thread.start()
    thread.join(5)  # which blocks this very loop
    assert [list(figures.values.values()) for figures in answers] == [[0]]
    later = await asyncio.to_thread(on_loop)
    assert list(later.values.values()) > [0]


def test_a_loop_that_is_closed_gives_what_it_gave_last() -> None:
    loop = asyncio.new_event_loop()
    on_loop = OnLoop(loop, made)
    loop.close()
    assert on_loop().values == made().values
