"""The generations that are held: found, read by any number of readers, kept for a while, gone.

RUNNING --- ended ---> ENDED --- nobody reads --> GONE
   |                                                ^
   '--- the last reader left, and no resume window (or it is over) ---'
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from time import monotonic
from typing import Protocol

from inference_worker.generation import GenerationLog
from inference_worker.status import Code, Failed, Refused
from inference_worker.watching import Story

STOPPED = Failed(Code.CANCELLED, "The generation was stopped.")
REMEMBERED_IDS = 10_000  # of generations that are gone, so that a late reader learns "gone", not "never was"


class Timer(Protocol):
    """What a scheduled call can do; asyncio's TimerHandle is one."""

    def cancel(self) -> None:
        """Do not make the call."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Generation:
    """One run of the engine: its log, its task, and how many read it.

    `asked` is the request as it came, for an edge that did not send it; empty where nobody else can come for it.
    To who is not its owner there is none.
    """

    __slots__ = ("asked", "expiry", "id", "log", "owner", "readers", "resume_window_s", "story", "task")

    def __init__(
        self, generation_id: str, log: GenerationLog, resume_window_s: float, asked: bytes, owner: str = ""
    ) -> None:
        self.id = generation_id
        self.owner = owner
        self.log = log
        self.asked = asked
        self.resume_window_s = resume_window_s
        self.readers = 0
        self.task: asyncio.Task[None] | None = None
        self.expiry: Timer | None = None
        self.story: Story | None = None  # while it runs

    def stop(self, failed: Failed) -> None:
        """End it now: readers see `failed`, and the engine's task is cancelled."""
        self.log.close(failed)
        if self.story and self.story.stopped_at is None:
            self.story.stopped_at = monotonic()
        if self.task:
            self.task.cancel()


class Shelf:
    """Holds generations, by their ids.

    Args:
        call_later: Calls a function after so many seconds: `loop.call_later`, or a test's clock.
    """

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._generations: dict[str, Generation] = {}
        self._gone: OrderedDict[str, str] = OrderedDict()  # whose each was

    def find(self, generation_id: str, index: int, owner: str = "") -> Generation:
        """The owner's generation of that id, to be read from `index`.

        Raises:
            Refused: NOT_FOUND (the owner never had one here), OUT_OF_RANGE (it is gone), INVALID_ARGUMENT (it does not
                have that index), or FAILED_PRECONDITION (it has ended, and all of it has been read).
        """
        if self._gone.get(generation_id) == owner:
            raise Refused(Code.OUT_OF_RANGE, "The generation is gone.")
        generation = self._owned(generation_id, owner)
        log = generation.log
        if log.ending is not None and index == log.next_index + 1:
            raise Refused(Code.FAILED_PRECONDITION, "All of the generation has been read.")
        if not log.first_index <= index <= log.next_index:
            message = f"The generation holds the indices {log.first_index} to {log.next_index}."
            raise Refused(Code.INVALID_ARGUMENT, message, field="next_index")
        return generation

    def cancel(self, generation_id: str, owner: str = "") -> None:
        """Stop a generation of that owner, whoever reads it.

        Raises:
            Refused: NOT_FOUND: the owner has none of that id that runs.
        """
        generation = self._owned(generation_id, owner)
        if generation.log.ending is not None:
            raise Refused(Code.NOT_FOUND, "There is no such generation.")
        generation.stop(STOPPED)

    def _owned(self, generation_id: str, owner: str) -> Generation:
        generation = self._generations.get(generation_id)
        if generation is None or generation.owner != owner:
            raise Refused(Code.NOT_FOUND, "There is no such generation.")
        return generation

    def join(self, generation: Generation, notify: Callable[[], None]) -> None:
        """Add a reader; `notify` is called when there is something to read."""
        generation.readers += 1
        generation.log.watch(notify)
        if generation.expiry:
            generation.expiry.cancel()
            generation.expiry = None

    def leave(self, generation: Generation, notify: Callable[[], None], *, grace_s: float = 0.0) -> None:
        """Remove a reader that joined. After the last, the generation is kept for its resume window, or `grace_s`."""
        generation.log.unwatch(notify)
        generation.readers -= 1
        if generation.readers == 0:
            kept_s = max(generation.resume_window_s, grace_s)
            if kept_s > 0:
                generation.expiry = self._call_later(kept_s, lambda: self._forget(generation))
            else:
                self._forget(generation)

    def has(self, generation_id: str) -> bool:
        """Whether one of that id is held."""
        return generation_id in self._generations

    @property
    def held(self) -> Collection[Generation]:
        """All that are held."""
        return self._generations.values()

    def _hold(self, generation: Generation) -> None:
        self._gone.pop(generation.id, None)
        self._generations[generation.id] = generation

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
        self._gone[generation.id] = generation.owner
        if len(self._gone) > REMEMBERED_IDS:
            self._gone.popitem(last=False)
