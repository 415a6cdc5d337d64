"""Spans for OpenTelemetry: one for each generation, made when it has ended.

Off unless the environment names where to send them, by OpenTelemetry's own variables. The edge has the same.
"""

import logging
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING

from inference_worker.watching import FAILED, Story

if TYPE_CHECKING:  # an extra: it need not be installed
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "token-relay-worker"
BEGINNING = "00---01"  # of a trace, where nobody says which it is part of
RECORDED = 1
CLOSE_S = 1.0  # for the last spans; a collector that is gone must not keep the process


class Tracer:
    """Records generations.

    Args:
        processor: Takes finished spans.
        resource: What they are of.
    """

    def __init__(self, processor: "SpanProcessor", resource: "Resource") -> None:
        self._processor = processor
        self._resource = resource

    def record(self, story: Story) -> None:
        """A generation has ended, just now."""
        _, trace_id, parent_id, flags = (story.trace_parent or BEGINNING).split("-")
        if not int(flags, 16) & RECORDED:
            return
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        ended_ns = time.time_ns()
        self._processor.on_end(
            ReadableSpan(
                "generation",
                context=_context(trace_id or secrets.token_hex(16), secrets.token_hex(8), remote=False),
                parent=_context(trace_id, parent_id, remote=True) if trace_id else None,
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
        "gen_ai.provider.name": story.engine,
        "gen_ai.request.model": story.model,
        "gen_ai.usage.input_tokens": story.prompt_tokens or None,
        "gen_ai.usage.output_tokens": story.tokens,
        "gen_ai.response.finish_reasons": (story.finish_reason,) if story.finish_reason else None,
        "gen_ai.server.time_to_first_token": story.first_s,
        "error.type": story.code if story.outcome == FAILED else "",
        "token_relay.outcome": story.outcome,
        "token_relay.code": story.code,
        "token_relay.generation_id": story.generation_id,
    }
