import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from edge_proxy.core.errors import Code
from edge_proxy.core.story import Story
from edge_proxy.core.trace import Span
from edge_proxy.tracing import Tracer, from_environment

TRACE, PARENT, OWN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331"


class Bench:
    """A tracer, and what it has recorded."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = Tracer(SimpleSpanProcessor(self.exporter), Resource({}))

    def record(self, span: Span | None, *, cause: Code | None = None) -> None:
        story = Story(began=10.0, dialect="native", generation_id="w1-1", span=span, cause=cause)
        story.first_at = 10.25
        story.tokens = 7
        story.end(None, now=12.0)
        self.tracer.record(story)


def test_a_span_is_as_long_as_its_stream_and_has_the_ids_that_the_worker_got() -> None:
    bench = Bench()
    bench.record(Span(TRACE, OWN, PARENT, recorded=True))
    [span] = bench.exporter.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") == (TRACE, OWN)
    assert f"{span.parent.span_id:016x}" == PARENT
    assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(2e9, abs=1e3)
    assert span.attributes is not None
    assert span.attributes["gen_ai.server.time_to_first_token"] == 0.25
    assert span.attributes["gen_ai.usage.output_tokens"] == 7
    assert "token_relay.key_id" not in span.attributes


def test_only_a_failure_has_the_status_of_one() -> None:
    bench = Bench()
    bench.record(Span(TRACE, OWN, "", recorded=True))
    bench.record(Span(TRACE, OWN, "", recorded=True), cause=Code.TIMEOUT)
    left, failed = bench.exporter.get_finished_spans()
    assert (left.status.is_ok, failed.status.is_ok) == (True, False)
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "TIMEOUT"
    assert left.parent is None


@pytest.mark.parametrize("span", [None, Span(TRACE, OWN, PARENT, recorded=False)])
def test_what_is_not_recorded_is_no_span(span: Span | None) -> None:
    bench = Bench()
    bench.record(span)
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
