"""Spans for OpenTelemetry: one for each stream, made when it has ended.

Off unless the environment names where to send them, by OpenTelemetry's own variables. What a span is to say is known
only at its end, and its ids go to the worker before: so nothing of OpenTelemetry's is touched while a stream runs.
"""

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from edge_proxy.core.story import FAILED, Story

if TYPE_CHECKING:  # an extra: it need not be installed
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "token-relay-edge"
CLOSE_S = 1.0  # for the last spans; a collector that is gone must not keep the process


class Tracer:
    """Records streams.

    Args:
        processor: Takes finished spans.
        resource: What they are of.
    """

    def __init__(self, processor: "SpanProcessor", resource: "Resource") -> None:
        self._processor = processor
        self._resource = resource

    def record(self, story: Story) -> None:
        """A stream has ended, just now."""
        span = story.span
        if span is None or not span.recorded:
            return
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        ended_ns = time.time_ns()
        self._processor.on_end(
            ReadableSpan(
                "stream",
                context=_context(span.trace_id, span.span_id, remote=False),
                parent=_context(span.trace_id, span.parent_id, remote=True) if span.parent_id else None,
                resource=self._resource,
                attributes={name: value for name, value in _attributes(story).items() if value not in ("", None)},
                kind=SpanKind.SERVER,
                status=Status(StatusCode.ERROR if story.outcome == FAILED else StatusCode.UNSET),
                start_time=ended_ns - round(story.duration_s * 1e9),
                end_time=ended_ns,
            )
        )

    def close(self) -> None:
        """Send what is left; not for long."""
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def from_environment() -> Tracer | None:
    """A tracer, if there is somewhere to send spans."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED") == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        log.warning("There are no traces: they need the extra `otel` (pip install 'token-relay[otel]').")
        return None
    named = os.environ.get("OTEL_SERVICE_NAME") or SERVICE
    return Tracer(BatchSpanProcessor(OTLPSpanExporter()), Resource.create({"service.name": named}))


def _context(trace_id: str, span_id: str, *, remote: bool) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - an extra

    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED))


def _attributes(story: Story) -> dict[str, str | int | float | bool | tuple[str, ...] | None]:
    """By OpenTelemetry's names, where it has some."""
    return {
        "gen_ai.operation.name": story.operation,
        "gen_ai.usage.input_tokens": story.prompt_tokens or None,
        "gen_ai.usage.output_tokens": story.tokens,
        "gen_ai.response.finish_reasons": (story.finish_reason,) if story.finish_reason else None,
        "gen_ai.server.time_to_first_token": story.first_s,
        "error.type": story.code if story.outcome == FAILED else "",
        "token_relay.dialect": story.dialect,
        "token_relay.outcome": story.outcome,
        "token_relay.code": story.code,
        "token_relay.request_id": story.request_id,
        "token_relay.generation_id": story.generation_id,
        "token_relay.key_id": story.key_id,
        "token_relay.moves": story.moves,
        "token_relay.resumed": story.resumed,
    }
