"""Whether one worker is given work like any other, by what became of the work that it was given.

    state     input                                  next
    -------   ------------------------------------   --------------------------------------------------------------
    CLOSED    failed, and the score reaches LIMIT    OPEN until now + pause; the next pause is twice as long
    CLOSED    failed otherwise                       CLOSED, the score is raised
    CLOSED    spoke                                  same
    CLOSED    finished                               CLOSED, the score is lowered by one, the next pause is the first
    OPEN      failed, spoke, finished                same: that is of streams which began before
    OPEN      tried                                  PROBING
    OPEN      replaced                               OPEN until now + the first pause, if that is sooner
    PROBING   spoke                                  CLOSED on probation: one failure opens it again
    PROBING   finished                               CLOSED, as if nothing had been
    PROBING   failed                                 OPEN until now + pause; the next pause is twice as long
    PROBING   untold                                 OPEN until now: the trial said nothing of the worker

OPEN and PROBING are what "set aside" means. The machine owns no clock and no chance: both are arguments.
"""

from enum import Enum, auto
from math import inf

LIMIT = 3.0  # the score at which a worker is set aside
FORGET_S = 60.0  # without another failure, the score is forgotten
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 8.0  # so that a worker is back within ten seconds of being well


class State(Enum):
    """See the table above."""

    CLOSED = auto()
    OPEN = auto()
    PROBING = auto()


class Breaker:
    """The trust in one worker. Instants are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.until = 0.0  # when it may be tried, if it is set aside
        self._score = 0.0
        self._failed_at = -inf
        self._pause_s = FIRST_PAUSE_S  # the next one

    @property
    def aside(self) -> bool:
        """It is given nothing but trials."""
        return self.state is not State.CLOSED

    def due(self, now: float) -> bool:
        """It may be tried with one stream."""
        return self.state is State.OPEN and now >= self.until

    def tried(self) -> None:
        """It has been given a stream to see how it does."""
        if self.state is State.OPEN:
            self.state = State.PROBING

    def spoke(self) -> None:
        """The stream that it was tried with has its first text."""
        if self.state is State.PROBING:
            self.state = State.CLOSED
            self._score = LIMIT - 1

    def finished(self) -> None:
        """A generation has ended well."""
        if self.state is State.OPEN:
            return
        self._score = max(0.0, self._score - 1) if self.state is State.CLOSED else 0.0
        self._pause_s = FIRST_PAUSE_S
        self.state = State.CLOSED

    def failed(self, now: float, *, jitter: float, weight: float = 1.0) -> bool:
        """Something has gone wrong that is the worker's fault.

        Args:
            now: When.
            jitter: From 0 to 1, at random: edges that saw the same do not come back together.
            weight: What it adds to the score.

        Returns:
            Whether the worker is set aside by this.
        """
        if self.state is State.OPEN:
            return False
        if now - self._failed_at > FORGET_S:
            self._score = 0.0
        self._failed_at = now
        self._score += weight
        if self.state is State.CLOSED and self._score < LIMIT:
            return False
        self.state = State.OPEN
        self.until = now + self._pause_s * (1 + jitter) / 2
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._score = 0.0
        return True

    def untold(self, now: float) -> None:
        """The trial ended for a reason that is not the worker's."""
        if self.state is State.PROBING:
            self.state = State.OPEN
            self.until = now

    def replaced(self, now: float) -> None:
        """Another process is there at the same address. It has done nothing wrong yet, but is not trusted either."""
        if self.state is State.OPEN:
            self.until = min(self.until, now + FIRST_PAUSE_S)
