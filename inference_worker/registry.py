"""All generations of this worker: started, read by any number of readers, kept for a while, gone.

    start -> RUNNING --- engine done, failed, cancelled, deadline --> ENDED --- nobody reads --> GONE
                |                                                                  ^
                '--- the last reader left, and no resume window (or it is over) ---'

Bounds are kept here: how many run, how much text is held, how long what nobody reads is kept.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference_worker.engines.base import Engine, Finish, Model, Run
from inference_worker.generation import Finished, GenerationLog
from inference_worker.request import Request
from inference_worker.status import Code, EngineError, Failed, Refused
from inference_worker.text import TextStage

log = logging.getLogger(__name__)

STOPPED = Failed(Code.CANCELLED, "The generation was stopped.")
LATE = Failed(Code.DEADLINE_EXCEEDED, "The generation took longer than it was given.")
COUNT_EVERY = 16  # text is counted after starts of 1/16 of what is held: a start costs the same at any size
REMEMBERED_IDS = 10_000  # of generations that are gone, so that a late reader learns "gone", not "never was"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the registry holds at most."""

    max_streams: int
    max_log_chars: int  # of one generation
    max_total_chars: int  # of all: above it nothing new starts, and ended logs without readers go first
    max_resume_window_s: float


class Timer(Protocol):
    """What a scheduled call can do; asyncio's TimerHandle is one."""

    def cancel(self) -> None:
        """Do not make the call."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Generation:
    """One run of the engine: its log, its task, and how many read it."""

    __slots__ = ("expiry", "id", "log", "readers", "resume_window_s", "task")

    def __init__(self, generation_id: str, log: GenerationLog, resume_window_s: float) -> None:
        self.id = generation_id
        self.log = log
        self.resume_window_s = resume_window_s
        self.readers = 0
        self.task: asyncio.Task[None] | None = None
        self.expiry: Timer | None = None

    def stop(self, failed: Failed) -> None:
        """End it now: readers see `failed`, and the engine's task is cancelled."""
        self.log.close(failed)
        if self.task:
            self.task.cancel()


class Registry:
    """Starts, finds and forgets generations.

    Args:
        engine: Runs them.
        worker_id: Begins every generation's id, so that an edge can tell whose it is.
        limits: What is held at most.
        call_later: Calls a function after so many seconds: `loop.call_later`, or a test's clock.
    """

    def __init__(self, engine: Engine, *, worker_id: str, limits: Limits, call_later: CallLater) -> None:
        self.worker_id = worker_id
        self.limits = limits
        self.draining = False
        self.running = 0  # engine runs that have not returned
        self._engine = engine
        self._call_later = call_later
        self._generations: dict[str, Generation] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._uncounted = 0  # starts since all text was counted

    @property
    def models(self) -> Sequence[Model]:
        """What the engine serves."""
        return self._engine.models

    async def start(self, request: Request) -> Generation:
        """Begin a generation. The caller joins it before it awaits anything.

        Raises:
            Refused: The request is wrong (INVALID_ARGUMENT, NOT_FOUND), there is no room (RESOURCE_EXHAUSTED), or the
                worker is going away (UNAVAILABLE).
        """
        self._admit()
        if request.model and request.model not in (model.name for model in self.models):
            raise Refused(Code.NOT_FOUND, "This worker does not serve that model.", field="model")
        run = await self._prepare(request)
        try:
            self._admit()  # others may have come meanwhile
        except Refused:
            run.drop()
            raise
        log = GenerationLog(first_index=request.first_index, max_chars=self.limits.max_log_chars)
        window = min(request.resume_window_s, self.limits.max_resume_window_s)
        generation = Generation(f"{self.worker_id}-{secrets.token_hex(12)}", log, window)
        self._generations[generation.id] = generation
        self._run(generation, run, request)
        return generation

    def find(self, generation_id: str, index: int) -> Generation:
        """The generation of that id, to be read from `index`.

        Raises:
            Refused: NOT_FOUND (never given out here) or OUT_OF_RANGE (gone, or it does not have that index).
        """
        generation = self._generations.get(generation_id)
        if generation is None:
            if generation_id in self._gone:
                raise Refused(Code.OUT_OF_RANGE, "The generation is gone.")
            raise Refused(Code.NOT_FOUND, "There is no such generation.")
        first, behind = generation.log.first_index, generation.log.next_index
        if not first <= index <= behind:
            raise Refused(Code.OUT_OF_RANGE, f"The generation holds the indices {first} to {behind}.")
        return generation

    def cancel(self, generation_id: str) -> None:
        """Stop a generation, whoever reads it.

        Raises:
            Refused: NOT_FOUND: there is none of that id, or none any more.
        """
        generation = self._generations.get(generation_id)
        if generation is None:
            raise Refused(Code.NOT_FOUND, "There is no such generation.")
        generation.stop(STOPPED)

    def join(self, generation: Generation, notify: Callable[[], None]) -> None:
        """Add a reader; `notify` is called when there is something to read."""
        generation.readers += 1
        generation.log.watch(notify)
        if generation.expiry:
            generation.expiry.cancel()
            generation.expiry = None

    def leave(self, generation: Generation, notify: Callable[[], None]) -> None:
        """Remove a reader that joined. After the last, the generation is kept for its resume window."""
        generation.log.unwatch(notify)
        generation.readers -= 1
        if generation.readers == 0:
            if generation.resume_window_s > 0:
                generation.expiry = self._call_later(generation.resume_window_s, lambda: self._forget(generation))
            else:
                self._forget(generation)

    def stop_all(self) -> None:
        """End whatever runs; the worker is going away."""
        for generation in tuple(self._generations.values()):
            generation.stop(Failed(Code.UNAVAILABLE, "The worker is shutting down."))

    def _admit(self) -> None:
        if self.draining:
            raise Refused(Code.UNAVAILABLE, "The worker is shutting down.")
        if self.running >= self.limits.max_streams:
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

    def _held_chars(self) -> int:
        return sum(generation.log.chars for generation in self._generations.values())

    def _forget_unread(self) -> None:
        for generation in tuple(self._generations.values()):
            if generation.readers == 0 and generation.log.ending is not None:
                self._forget(generation)

    def _forget(self, generation: Generation) -> None:
        if self._generations.pop(generation.id, None) is None:
            return
        if generation.expiry:
            generation.expiry.cancel()
        if generation.log.ending is None:
            generation.stop(Failed(Code.CANCELLED, "Nobody reads the generation any more."))
        self._gone[generation.id] = None
        if len(self._gone) > REMEMBERED_IDS:
            self._gone.popitem(last=False)

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
            self.running -= 1
            run.drop()
            generation.task = None  # a cancelled task keeps its frames, and those this generation: a cycle
            generation.log.close(STOPPED)
            if deadline:
                deadline.cancel()

        self.running += 1
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
