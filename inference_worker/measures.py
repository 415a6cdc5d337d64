"""All that is measured of a worker, in one table: the names that Prometheus knows, and what they say.

Names from `gen_ai_` on are OpenTelemetry's semantic conventions for generative AI, with their buckets; those from
`process_` on are what Prometheus's own clients call the same. The rest are ours.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Prometheus's types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Measure(NamedTuple):
    """What one name says."""

    kind: Kind
    labels: tuple[str, ...]
    says: str
    bounds: tuple[float, ...] = ()  # of a histogram's buckets, upper and inclusive


PREFIX = "token_relay_worker_"
SHORT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
GEN_AI_FIRST_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
GEN_AI_TOKEN_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
GEN_AI_LIFE_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


def _counter(says: str, *labels: str) -> Measure:
    return Measure(Kind.COUNTER, labels, says)


def _gauge(says: str, *labels: str) -> Measure:
    return Measure(Kind.GAUGE, labels, says)


def _histogram(bounds: tuple[float, ...], says: str, *labels: str) -> Measure:
    return Measure(Kind.HISTOGRAM, labels, says, bounds)


_OURS = {
    "info": _gauge("Always 1: which engine serves which model here; `scripted` is none.", "worker", "engine", "model"),
    # generations
    "generations_running": _gauge("Generations that have been started and have not ended."),
    "generation_places": _gauge("So many may run at once."),
    "generations_held": _gauge("Generations whose logs are held, for readers that are there or may come back."),
    "held_chars": _gauge("The text of these logs, in characters."),
    "draining": _gauge("1 while the worker goes away."),
    "generations_started_total": _counter("Generations that have been started."),
    "generations_ended_total": _counter(
        "Generations that have ended: finished, cancelled (nobody reads any more, or it was stopped), or failed. The "
        "code is empty for those that finished.",
        "outcome",
        "code",
    ),
    "refusals_total": _counter("Generations that were asked for and not started.", "code"),
    "tokens_total": _counter("Tokens: of prompts (once the generation has finished), and of answers.", "kind"),
    "ready_seconds": _histogram(SHORT_S, "From a request to its generation's start: what the engine needs to take it."),
    "cancel_seconds": _histogram(SHORT_S, "From a generation's being stopped to the engine's having let go of it."),
    "engine_troubles_total": _counter(
        "What went wrong between the openai engine and its service: connect, busy (no connection free), timeout, "
        "broken, refused (by a status), unreadable, cut (no finish).",
        "kind",
    ),
    # edges
    "exchange_calls": _gauge("Edges that are connected: calls of Exchange."),
    "plain_calls": _gauge("Calls of GenerateTextStream that run."),
    "frames_total": _counter("Frames that were sent to edges."),
    "frame_rows_total": _counter("Rows of text in these frames: a reader's news, of one token or more."),
    # the process
    "tasks": _gauge("Tasks of the event loop."),
    "loop_lag_seconds": _histogram(SHORT_S, "How late a timer is; looked at once a second."),
}
_THEIRS = {
    "gen_ai_server_time_to_first_token_seconds": _histogram(
        GEN_AI_FIRST_S, "From a request to the first text that leaves for a reader.", *GEN_AI
    ),
    "gen_ai_server_time_per_output_token_seconds": _histogram(
        GEN_AI_TOKEN_S, "The mean of a generation's times between two tokens, after the first.", *GEN_AI
    ),
    "gen_ai_server_request_duration_seconds": _histogram(
        GEN_AI_LIFE_S,
        "From a request to its generation's end; the type is the code of a failure.",
        *GEN_AI,
        "error_type",
    ),
    "process_resident_memory_bytes": _gauge("Resident memory."),
    "process_cpu_seconds_total": _counter("CPU time, of the system and of the user."),
    "process_open_fds": _gauge("Open file descriptors."),
    "process_start_time_seconds": _gauge("When the process was started, in seconds of Unix time."),
}
MEASURES: dict[str, Measure] = {PREFIX + name: measure for name, measure in _OURS.items()} | _THEIRS
"""By full name."""
