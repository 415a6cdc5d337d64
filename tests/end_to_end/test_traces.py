"""Spans of real processes, as a collector gets them."""

import signal
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.support import processes
from tests.support.collector import Collector, Received, collector

PATH = "/api/v1/ai/generate"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OPTIONS = {"tokens": 10, "tokens_per_second": 100, "first_token_delay_ms": 50}
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


class Site(NamedTuple):
    edge: str
    received: Collector
    proxy: processes.Service
    inference: processes.Service


@pytest.fixture
def traced() -> Iterator[Site]:
    """A worker and an edge that both send spans."""
    with collector() as (address, received):
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": address} | SOON
        with processes.worker(**given) as (worker, inference), processes.edge(worker, **given) as (edge, proxy):
            yield Site(edge, received, proxy, inference)


def ask(edge: str, traceparent: str = "", **options: object) -> httpx.Response:
    headers = {"traceparent": traceparent} if traceparent else {}
    body = {"prompt": "x", "engine_options": OPTIONS | options}
    return httpx.post(f"http://{edge}{PATH}", json=body, headers=headers)


def pair_of_spans(received: Collector) -> tuple[Received, Received]:
    """The edge's, and the worker's."""
    processes.wait_until(lambda: len(received.spans) >= 2, "both spans have come")
    [stream], [generation] = received.named("stream"), received.named("generation")
    return stream, generation


def test_a_stream_is_part_of_its_callers_trace_and_its_generation_of_the_stream(traced: Site) -> None:
    ask(traced.edge, f"00-{TRACE}-{CALLER}-01")
    stream, generation = pair_of_spans(traced.received)
    assert (stream.trace_id, stream.parent_id) == (TRACE, CALLER)
    assert (generation.trace_id, generation.parent_id) == (TRACE, stream.span_id)
    assert (stream.service, generation.service) == ("token-relay-edge", "token-relay-worker")
    assert not stream.failed
    for span in (stream, generation):
        assert span.attributes["gen_ai.usage.output_tokens"] == 10
        first_s = span.attributes["gen_ai.server.time_to_first_token"]
        assert isinstance(first_s, float)
        assert 0.04 < first_s < span.duration_s < 10
        assert span.attributes["token_relay.outcome"] == "finished"  # noqa: S105 - no password
    assert generation.attributes["gen_ai.request.model"] == "scripted"


def test_without_a_caller_a_trace_begins_and_a_failure_is_one(traced: Site) -> None:
    ask(traced.edge, "nonsense", fail_at=3)
    stream, generation = pair_of_spans(traced.received)
    assert stream.trace_id == generation.trace_id != TRACE
    assert stream.parent_id == ""
    assert stream.failed
    assert generation.failed
    assert stream.attributes["error.type"] == "GENERATION_ERROR"


def test_a_trace_that_its_caller_does_not_record_is_not_recorded_here(traced: Site) -> None:
    ask(traced.edge, f"00-{TRACE}-{CALLER}-00")
    ask(traced.edge, f"00-{TRACE[::-1]}-{CALLER}-01")
    pair_of_spans(traced.received)
    assert {span.trace_id for span in traced.received.spans} == {TRACE[::-1]}


def test_the_last_spans_are_sent_when_a_service_ends(traced: Site) -> None:
    ask(traced.edge)
    for service in (traced.proxy, traced.inference):
        service.send(signal.SIGTERM)
        assert service.process.wait(20) == 0
    assert len(traced.received.spans) == 2


def test_an_edge_that_records_nothing_passes_the_trace_on() -> None:
    with collector() as (address, received):
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": address} | SOON
        with processes.worker(**given) as (worker, _), processes.edge(worker) as (edge, _):
            ask(edge, f"00-{TRACE}-{CALLER}-01")
            processes.wait_until(lambda: received.spans, "the worker's has come")
    [generation] = received.spans
    assert (generation.trace_id, generation.parent_id) == (TRACE, CALLER)


def test_a_collector_that_is_gone_keeps_nobody() -> None:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{processes.free_port()}"} | SOON
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, proxy):
        assert '"isFinal":true' in ask(edge).text
        proxy.send(signal.SIGTERM)
        assert proxy.process.wait(10) == 0
