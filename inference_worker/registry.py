"""All generations of this worker: started within bounds, and run to their ends.

    start -> RUNNING --- engine done, failed, cancelled, deadline --> ENDED

How long they are held, and for whom: see `shelf`. Bounds are kept here: how many run, and how much text is held.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference_worker.engines.base import Engine, Finish, Model, Run
from inference_worker.generation import Finished, GenerationLog
from inference_worker.meter import Figures
from inference_worker.request import Request
from inference_worker.shelf import STOPPED, CallLater, Generation, Shelf
from inference_worker.status import Code, EngineError, Failed, Refused
from inference_worker.text import TextStage
from inference_worker.watching import Watching

log = logging.getLogger(__name__)

LATE = Failed(Code.DEADLINE_EXCEEDED, "The generation took longer than it was given.")
COUNT_EVERY = 16  # text is counted after starts of 1/16 of what is held: a start costs the same at any size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the registry holds at most."""

    max_streams: int
    max_log_chars: int  # of one generation
    max_total_chars: int  # of all: above it nothing new starts, and ended logs without readers go first
    max_resume_window_s: float


class Registry(Shelf):
    """Starts, finds and forgets generations.

    Args:
        engine: Runs them.
        worker_id: Begins every generation's id, so that an edge can tell whose it is.
        limits: What is held at most.
        call_later: Calls a function after so many seconds: `loop.call_later`, or a test's clock.
        watching: Measures generations.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        worker_id: str,
        limits: Limits,
        call_later: CallLater,
        watching: Watching | None = None,
    ) -> None:
        super().__init__(call_later)
        self.worker_id = worker_id
        self.limits = limits
        self.draining = False
        self.running = 0  # engine runs that have not returned
        self.on_full: Callable[[], None] = lambda: None  # called when they are as many as may be, or are not any more
        self.watching = watching or Watching()
        self._engine = engine
        self._uncounted = 0  # starts since all text was counted

    @property
    def models(self) -> Sequence[Model]:
        """What the engine serves."""
        return self._engine.models

    @property
    def full(self) -> bool:
        """Whether as many run as may."""
        return self.running >= self.limits.max_streams

    async def start(self, request: Request) -> Generation:
        """Begin a generation. The caller joins it before it awaits anything.

        Raises:
            Refused: The request is wrong (INVALID_ARGUMENT, NOT_FOUND), there is no room (RESOURCE_EXHAUSTED), or the
                worker is going away (UNAVAILABLE).
        """
        try:
            return await self._start(request, self.watching.clock())
        except Refused as refused:
            self.watching.refused(refused.failed.code)
            raise

    async def _start(self, request: Request, asked_at: float) -> Generation:
        self._admit()
        if request.model and request.model not in (model.name for model in self.models):
            raise Refused(Code.NOT_FOUND, "This worker does not serve that model.", field="model")
        run = await self._prepare(request)
        try:
            self._admit()  # others may have come meanwhile
            if self.has(request.generation_id):
                raise Refused(Code.UNAVAILABLE, "Another edge has just begun the generation here.")
        except Refused:
            run.drop()
            raise
        window_s = min(request.resume_window_s, self.limits.max_resume_window_s)
        generation_id = request.generation_id or f"{self.worker_id}-{secrets.token_hex(12)}"
        asked = request.asked if window_s else b""
        generation = Generation(generation_id, self._make_log(request), window_s, asked, request.owner)
        model = next(model for model in self.models if request.model in (model.name, ""))
        generation.story = self.watching.begin(
            request, generation_id=generation_id, asked_at=asked_at, model=model.name, engine=model.engine
        )
        self._hold(generation)
        self._run(generation, run, request)
        return generation

    def _make_log(self, request: Request) -> GenerationLog:
        first = 0 if request.pieces else request.first_index
        made = GenerationLog(first_index=first, max_chars=self.limits.max_log_chars)
        made.seed(request.pieces)
        return made

    def figures(self) -> Figures:
        """What Prometheus is told of generations."""
        figures = self.watching.figures((each.story, each.log) for each in self.held if each.story)
        figures.set("generations_running", self.running)
        figures.set("generation_places", self.limits.max_streams)
        figures.set("generations_held", len(self.held))
        figures.set("held_chars", self._held_chars())
        figures.set("draining", self.draining)
        for model in self.models:
            figures.set("info", 1, self.worker_id, model.engine, model.name)
        for kind, number in self._engine.troubles.items():
            figures.set("engine_troubles_total", number, kind)
        return figures

    def stop_all(self) -> None:
        """End whatever runs; the worker is going away."""
        for generation in tuple(self._generations.values()):
            generation.stop(Failed(Code.UNAVAILABLE, "The worker is shutting down."))

    def _admit(self) -> None:
        if self.draining:
            raise Refused(Code.UNAVAILABLE, "The worker is shutting down.")
        if self.full:
            raise Refused(Code.RESOURCE_EXHAUSTED, f"{self.running} generations run, as many as may.")
        self._uncounted += 1
        if self._uncounted > len(self._generations) // COUNT_EVERY:
            self._admit_text()

    def _admit_text(self) -> None:
        self._uncounted = 0
        if self._held_chars() > self.limits.max_total_chars:
            self._forget_unread()
        if self._held_chars() > self.limits.max_total_chars:
            raise Refused(Code.RESOURCE_EXHAUSTED, "The text of the generations held fills the worker's memory.")

    def _count(self, change: int) -> None:
        before = self.full
        self.running += change
        if self.full is not before:
            self.on_full()

    async def _prepare(self, request: Request) -> Run:
        try:
            return await self._engine.prepare(request)
        except Refused:
            raise
        except Exception as error:
            log.exception("The engine could not prepare a request.")
            raise Refused(Code.INTERNAL, "The engine failed.") from error

    def _run(self, generation: Generation, run: Run, request: Request) -> None:
        """Have the engine run, with a deadline; whatever becomes of it, it is counted out and its log is closed."""
        deadline = request.timeout_s and self._call_later(request.timeout_s, lambda: generation.stop(LATE))

        def over(_: asyncio.Task[None]) -> None:
            self._count(-1)
            run.drop()
            generation.task = None  # a cancelled task keeps its frames, and those this generation: a cycle
            generation.log.close(STOPPED)
            if generation.story:
                self.watching.end(generation.story, generation.log)
            generation.story = None
            if deadline:
                deadline.cancel()

        self._count(1)
        generation.task = asyncio.create_task(self._play(generation, run, request))
        generation.task.add_done_callback(over)  # a task that is cancelled before its first step runs no finally

    async def _play(self, generation: Generation, run: Run, request: Request) -> None:
        log_ = generation.log
        stage = TextStage(log_.append, label=log_.label, stop=request.stop, min_chunk_chars=request.min_chunk_chars)
        try:
            log_.close(self._finished(await run.play(stage), stage, request))
        except (EngineError, Refused) as error:
            stage.flush()
            log_.close(error.failed)
        except Exception:
            log.exception("The engine failed in generation %s.", generation.id)
            stage.flush()
            log_.close(Failed(Code.INTERNAL, "The engine failed."))

    @staticmethod
    def _finished(finish: Finish, stage: TextStage, request: Request) -> Finished:
        stage.flush()
        reason = "stop" if stage.stopped else finish.reason
        made = stage.tokens if finish.completion_tokens is None else finish.completion_tokens
        return Finished(reason, finish.prompt_tokens, request.first_index + made)
