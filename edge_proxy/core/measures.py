"""All that is measured of an edge, in one table: the names that Prometheus knows, and what they say.

Names from `gen_ai_` on are OpenTelemetry's semantic conventions for generative AI, with their buckets; those from
`process_` on are what Prometheus's own clients call the same. The rest are ours.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Prometheus's types. Counters and histograms of several processes add up; gauges say whose they are."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Measure(NamedTuple):
    """What one name says."""

    kind: Kind
    labels: tuple[str, ...]
    says: str
    bounds: tuple[float, ...] = ()  # of a histogram's buckets, upper and inclusive


PREFIX = "token_relay_edge_"
# Around the goals: half a second to the first token, a tenth between two events.
FIRST_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30)
GAP_S = (0.01, 0.025, 0.04, 0.05, 0.06, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)
SHORT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
LIFE_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)
TOKENS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512)
GEN_AI_FIRST_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
GEN_AI_LIFE_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name")


def _counter(says: str, *labels: str) -> Measure:
    return Measure(Kind.COUNTER, labels, says)


def _gauge(says: str, *labels: str) -> Measure:
    return Measure(Kind.GAUGE, (*labels, "process"), says)


def _histogram(bounds: tuple[float, ...], says: str, *labels: str) -> Measure:
    return Measure(Kind.HISTOGRAM, labels, says, bounds)


_OURS = {
    # streams
    "streams_open": _gauge("Streams that have been admitted and have not ended."),
    "streams_started_total": _counter("Streams that have been admitted.", "dialect"),
    "streams_ended_total": _counter(
        "Streams that have ended. Outcomes: finished, failed, cancelled (the client left, or had it stopped), refused "
        "(the worker did not take it, for what was asked). The code is empty for those that finished.",
        "dialect",
        "outcome",
        "code",
    ),
    "time_to_first_token_seconds": _histogram(FIRST_S, "From a stream's admission to its first text.", "dialect"),
    "stream_seconds": _histogram(LIFE_S, "From a stream's admission to its end.", "outcome"),
    "tokens_total": _counter("Tokens that streams have given out."),
    "pings_total": _counter("Pings."),
    "sent_bytes_total": _counter("Bytes of streams and of whole answers, without HTTP's own."),
    # events, of the streams of the sample
    "event_gap_seconds": _histogram(GAP_S, "Between two events with text; of a sample of the streams."),
    "event_tokens": _histogram(
        TOKENS,
        "Tokens of an event with text; of a sample of the streams. Reasons to send: first, arrival (the interval was "
        "over), interval (it was waited for), late (the client or this process was behind), end.",
        "reason",
    ),
    "added_delay_seconds": _histogram(
        SHORT_S,
        "From the arrival of an event's oldest text to its sending, where it did not leave at once; of a sample of the "
        "streams.",
    ),
    # refusals
    "refusals_total": _counter("Requests that were refused instead of being answered, by HTTP or on a socket.", "code"),
    "admission_refusals_total": _counter("Streams that were not admitted.", "code"),
    "shared_limits_away": _gauge("1 while the server of shared limits is away, and each process counts for itself."),
    # going on
    "resumes_total": _counter("Streams that clients came back for."),
    "recoveries_total": _counter(
        "Streams whose worker was lost: attached (to the same again), moved (to another), failed, left (the "
        "client did not wait).",
        "result",
    ),
    "cancel_seconds": _histogram(SHORT_S, "From a request to stop a generation to its worker's word that it has."),
    # workers
    "worker_connects_total": _counter("Workers that have said hello.", "worker"),
    "worker_errors_total": _counter(
        "Trouble with workers. Of the call: no connection, no hello, no frames, broken, unreadable. Of streams, for "
        "which it is to blame: no answer in time, no end in time, silence, lost with streams, or a stream's code.",
        "worker",
        "kind",
    ),
    "worker_up": _gauge("1 while a worker is connected.", "worker"),
    "worker_draining": _gauge("1 while a worker says that it goes away.", "worker"),
    "worker_aside": _gauge("1 while a worker is set aside, for it has failed too often.", "worker"),
    "worker_running": _gauge("Generations of a worker, as it said last.", "worker"),
    "worker_places": _gauge("And how many it takes.", "worker"),
    "worker_streams": _gauge("Streams that this process reads from a worker.", "worker"),
    # the process
    "tasks": _gauge("Tasks of the event loop."),
    "loop_lag_seconds": _histogram(SHORT_S, "How late a timer is; looked at four times a second."),
    "batch_stretch": _gauge("So many times as long as asked for are batch intervals, for want of time."),
}
_THEIRS = {
    "gen_ai_server_time_to_first_token_seconds": _histogram(
        GEN_AI_FIRST_S, "OpenTelemetry's name for the time to the first token.", *GEN_AI
    ),
    "gen_ai_server_request_duration_seconds": _histogram(
        GEN_AI_LIFE_S,
        "OpenTelemetry's name for a stream's time; the type is the code of a failure.",
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
