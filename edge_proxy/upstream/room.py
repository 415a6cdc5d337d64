"""Whether a worker has room for one more generation, as well as one of its edges can know.

    the worker says how many run        at its heartbeat, when it becomes full, and when it is not any more
    it refuses for want of room         it is full: known before it says so
    a stream of this edge has ended     it may not be full any more: known before it says so

What is not known to be full is asked: the worker's answer takes a moment, and a guess that is wrong would last until
the next heartbeat.
"""


class Room:
    """The places of one worker. `mine` is always how many of its generations this edge reads just then."""

    def __init__(self) -> None:
        self.reports = 0  # so many so far
        self._places = 0
        self._running = 0
        self._mine = 0  # when it said so
        self._full = False

    def report(self, *, running: int, places: int, mine: int) -> None:
        """The worker says how many generations run, and how many may."""
        self.reports += 1
        self._running, self._places, self._mine = running, places, mine
        self._full = 0 < places <= running

    def refused(self, *, mine: int, since: int) -> None:
        """It has refused what was asked for after that many reports."""
        if self._full or since == self.reports:  # else it has room again, and has said so meanwhile
            self._full, self._mine = True, mine

    def full(self, *, mine: int) -> bool:
        """Whether it is known to have no room."""
        return self._full and mine >= self._mine

    def fullness(self, *, mine: int) -> float:
        """The part of its places that are taken: as it said last, and by what this edge has opened since."""
        return max(mine, self._running + mine - self._mine) / max(1, self._places)
