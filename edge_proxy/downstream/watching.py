"""All streams of this process, as they are measured: their stories while they last, their sums when they have ended.

Four at a time are looked at closely, however many there are, so that a thousand cost no more than four. A place
in that sample is free when the stream that had it has ended, and goes to the next that begins: streams come into it by
when they begin, and by nothing that is measured.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from edge_proxy.core.errors import Code
from edge_proxy.core.meter import Figures, Meter
from edge_proxy.core.request import GenerationRequest
from edge_proxy.core.story import REFUSED, Story
from edge_proxy.core.trace import child
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.watch import Sample, Watch

PLACES = 4  # in the sample
PROVIDER = "token_relay"  # for OpenTelemetry, which has names of companies here


class Watching:
    """What is measured of streams.

    Args:
        meter: Where it is counted.
        traced: Streams are parts of traces that someone records.
        places: So many streams at once are in the sample.
    """

    def __init__(
        self,
        meter: Meter | None = None,
        *,
        traced: bool = False,
        places: int = PLACES,
    ) -> None:
        self.meter = meter or Meter()
        self.on_end: list[Callable[[Story], None]] = []  # told of each stream, when it has ended
        self._traced = traced
        self._sample = Sample(self.meter, places=places)

    def begin(self, request: GenerationRequest, *, index: int, resumed: bool, clock: Callable[[], float]) -> Watch:
        """A stream has been admitted; `clock` is what it goes by."""
        story = Story(
            began=clock(),
            key_id=request.caller.key_id,
            operation="text_completion" if request.raw_prompt else "chat",
            resumed=resumed,
        )
        if resumed:
            self.meter.count("resumes_total")
        sample = self._sample if self._sample.free > 0 else None
        if sample:
            sample.free -= 1
        return Watch(story, sample, index=index, clock=clock)

    def on_behalf(self, request: GenerationRequest, story: Story) -> GenerationRequest:
        """The request as the worker is to have it: part of the stream's trace, or of its caller's."""
        if self._traced:
            story.span = child(story.trace_parent, random_hex=secrets.token_hex)
        trace_parent = story.span.header if story.span else story.trace_parent
        return replace(request, trace_parent=trace_parent) if trace_parent else request

    def refused(self, code: Code) -> None:
        """A request has been refused."""
        self.meter.count("refusals_total", code)

    def end(self, stream: Stream, *, now: float) -> None:
        """It has ended, in whatever way."""
        story, meter = stream.story, self.meter
        if stream.sampled:
            self._sample.free += 1
        for name, value in _given(stream):
            meter.count(name, by=value)
        if not story.dialect:  # one of several that were asked for together, and not all admitted
            return
        story.tokens, story.sent_bytes = stream.tokens, stream.sent_bytes
        story.moves = stream.moves
        if stream.failure and story.cause is None:
            story.cause = stream.failure.code
        story.end(stream.ending, now=now)
        self._count(story)
        for tell in self.on_end:
            tell(story)

    def figures(self, streams: Iterable[Stream], *, process: str) -> Figures:
        """What has been counted, and what has come of the streams that are open."""
        figures = self.meter.figures()
        sums = Meter()
        count = 0
        for stream in streams:
            count += 1
            for name, value in _given(stream):
                sums.count(name, by=value)
            if stream.story.dialect:
                sums.count("streams_started_total", stream.story.dialect)
        figures.add(sums.figures())
        figures.gauge("streams_open", count, process)
        return figures

    def _count(self, story: Story) -> None:
        meter = self.meter
        meter.count("streams_started_total", story.dialect)
        meter.count("streams_ended_total", story.dialect, story.outcome, story.code)
        meter.histogram("stream_seconds", story.outcome).add(story.duration_s)
        if story.outcome == REFUSED:
            return
        names = (story.operation, PROVIDER)
        meter.histogram("gen_ai_server_request_duration_seconds", *names, story.code).add(story.duration_s)
        if story.first_s is not None:
            meter.histogram("time_to_first_token_seconds", story.dialect).add(story.first_s)
            meter.histogram("gen_ai_server_time_to_first_token_seconds", *names).add(story.first_s)


def _given(stream: Stream) -> tuple[tuple[str, int], ...]:
    return (
        ("tokens_total", stream.tokens),
        ("pings_total", stream.pings),
        ("sent_bytes_total", stream.sent_bytes),
    )
