"""Generations as they are measured: what is known of each while it lasts, its sums when it has ended."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from inference_worker.generation import Finished, GenerationLog
from inference_worker.logs import FIELDS
from inference_worker.meter import Figures, Meter
from inference_worker.request import Request
from inference_worker.status import Code, Failed

log = logging.getLogger("inference_worker.generations")

FINISHED, FAILED, CANCELLED = "finished", "failed", "cancelled"


@dataclass(slots=True, kw_only=True)
class Story:
    """What one generation was. Instants are seconds on the monotonic clock."""

    asked_at: float
    ready_at: float
    generation_id: str
    model: str
    engine: str
    operation: str  # as OpenTelemetry calls it
    trace_parent: str
    first_index: int  # of the first token made here
    first_at: float | None = None  # its first text left for a reader
    stopped_at: float | None = None
    outcome: str = ""
    code: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    duration_s: float = 0.0

    @property
    def first_s(self) -> float | None:
        """From the request to the first text."""
        if self.first_at is None:
            return None
        return max(0.0, self.first_at - self.asked_at)  # the loop's own clock, which this is by, is a little behind


@dataclass(slots=True)
class Traffic:
    """What has gone to edges: added to per frame, and so plain numbers."""

    frames: int = 0
    rows: int = 0


class Watching:
    """What is measured of generations.

    Args:
        meter: Where it is counted.
        clock: Says what instant it is.
    """

    def __init__(self, meter: Meter | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self.meter = meter or Meter()
        self.clock = clock
        self.traffic = Traffic()
        self.on_end: list[Callable[[Story], None]] = []  # told of each generation, when it has ended

    def begin(self, request: Request, *, generation_id: str, asked_at: float, model: str, engine: str) -> Story:
        """A generation starts, of a request that came at `asked_at`."""
        now = self.clock()
        self.meter.count("generations_started_total")
        self.meter.histogram("ready_seconds").add(now - asked_at)
        return Story(
            asked_at=asked_at,
            ready_at=now,
            generation_id=generation_id,
            model=model,
            engine=engine,
            operation="chat" if request.messages else "text_completion",
            trace_parent=request.trace_parent,
            first_index=request.first_index,
        )

    def refused(self, code: Code) -> None:
        """One was not started."""
        self.meter.count("refusals_total", code.name)

    def end(self, story: Story, made: GenerationLog) -> None:
        """The engine has let go of it."""
        now = self.clock()
        story.duration_s = now - story.asked_at
        story.tokens = made.next_index - story.first_index
        if isinstance(made.ending, Failed):
            story.code = made.ending.code.name
            story.outcome = CANCELLED if made.ending.code is Code.CANCELLED else FAILED
        elif isinstance(made.ending, Finished):
            story.outcome, story.finish_reason = FINISHED, made.ending.finish_reason
            story.prompt_tokens = made.ending.prompt_tokens
        self._count(story, now)
        for tell in self.on_end:
            tell(story)

    def figures(self, running: Iterable[tuple[Story, GenerationLog]]) -> Figures:
        """What has been counted, with the tokens of those that run."""
        figures = self.meter.figures()
        tokens = sum(made.next_index - story.first_index for story, made in running)
        figures.count("tokens_total", tokens, "completion")
        figures.set("frames_total", self.traffic.frames)
        figures.set("frame_rows_total", self.traffic.rows)
        return figures

    def _count(self, story: Story, now: float) -> None:
        meter = self.meter
        meter.count("generations_ended_total", story.outcome, story.code)
        meter.count("tokens_total", "completion", by=story.tokens)
        meter.count("tokens_total", "prompt", by=story.prompt_tokens)
        if story.stopped_at is not None:
            meter.histogram("cancel_seconds").add(max(0.0, now - story.stopped_at))
        names = (story.operation, story.engine, story.model)
        meter.histogram("gen_ai_server_request_duration_seconds", *names, story.code).add(story.duration_s)
        if story.first_s is None or story.first_at is None:
            return
        meter.histogram("gen_ai_server_time_to_first_token_seconds", *names).add(story.first_s)
        if story.tokens > 1:
            each_s = (now - story.first_at) / (story.tokens - 1)
            meter.histogram("gen_ai_server_time_per_output_token_seconds", *names).add(each_s)


def log_generation(story: Story) -> None:
    """Say what a generation was."""
    fields: dict[str, object] = {
        "generation_id": story.generation_id,
        "model": story.model,
        "engine": story.engine,
        "outcome": story.outcome,
        "code": story.code,
        "finish_reason": story.finish_reason,
        "prompt_tokens": story.prompt_tokens,
        "tokens": story.tokens,
        "ready_s": round(story.ready_at - story.asked_at, 4),
        "first_token_s": None if story.first_s is None else round(story.first_s, 4),
        "duration_s": round(story.duration_s, 4),
        "trace_id": story.trace_parent[3:35],
    }
    level = logging.WARNING if story.outcome == FAILED else logging.INFO
    log.log(level, "Generation %s.", story.outcome, extra={FIELDS: fields})
