import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from inference_worker.tracing import Tracer, from_environment
from inference_worker.watching import Story

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Bench:
    """A tracer, and what it has recorded."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = Tracer(SimpleSpanProcessor(self.exporter), Resource({}))

    def record(self, trace_parent: str, outcome: str = "finished", code: str = "") -> None:
        story = Story(
            asked_at=10.0,
            ready_at=10.0,
            generation_id="w1-1",
            model="m",
            engine="plain",
            operation="chat",
            trace_parent=trace_parent,
            first_index=0,
            first_at=10.25,
            outcome=outcome,
            code=code,
            tokens=7,
            duration_s=2.0,
        )
        self.tracer.record(story)


def test_a_span_is_under_the_one_that_asked_and_as_long_as_its_generation() -> None:
    bench = Bench()
    bench.record(f"00-{TRACE}-{PARENT}-01")
    [span] = bench.exporter.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(2e9, abs=1e3)
    assert span.attributes is not None
    assert span.attributes["gen_ai.server.time_to_first_token"] == 0.25
    assert span.attributes["gen_ai.request.model"] == "m"


def test_without_one_it_begins_a_trace() -> None:
    bench = Bench()
    bench.record("")
    [span] = bench.exporter.get_finished_spans()
    assert span.parent is None
    assert span.context is not None
    assert span.context.trace_id


def test_only_a_failure_has_the_status_of_one() -> None:
    bench = Bench()
    bench.record("", outcome="cancelled", code="CANCELLED")
    bench.record("", outcome="failed", code="INTERNAL")
    stopped, failed = bench.exporter.get_finished_spans()
    assert (stopped.status.is_ok, failed.status.is_ok) == (True, False)
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "INTERNAL"


def test_what_its_caller_does_not_record_is_no_span() -> None:
    bench = Bench()
    bench.record(f"00-{TRACE}-{PARENT}-00")
    assert bench.exporter.get_finished_spans() == ()


def test_without_an_address_there_is_no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_environment() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert from_environment() is None


def test_with_an_address_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    tracer = from_environment()
    assert tracer is not None
    tracer.close()
