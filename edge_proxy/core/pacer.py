"""Re-times one token stream: many small deltas in, few larger ones out.

A browser repaints far less often than a model emits, and every SSE event costs a system call and some forty bytes of
framing. The pacer lets at most one delta out per batch interval; the first leaves at once, the last with the end.

    state     input                             due                output of poll()                 next
    -------   -------------------------------   ----------------   ------------------------------   -------
    IDLE      push, interval elapsed            now                Delta                            IDLE
    IDLE      push, too soon                    last + interval    -                                HOLDING
    HOLDING   push                              same               -                                HOLDING
    HOLDING   poll at last + interval           never              Delta of all text held           IDLE
    any       poll at a multiple of the ping    the next           Ping                             same
    any       label                             same               -                                same
    any       end (Outcome)                     now                Finished with the text held      CLOSED
    any       end (Failure)                     now                Delta of text held, Failed       CLOSED
    any       poll at the deadline, or when     now                as end (Failure TIMEOUT)         CLOSED
              nothing was pushed for too long

Text is never lost, reordered or split: all text out equals all text in. Text of several labels leaves together, as a
Delta of each. A writer that polls late gets one larger delta,
so nothing queues up behind a slow client.

The machine owns no clock. Instants are seconds on one monotonic clock.
"""

from math import inf

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import ANSWER, Delta, Event, Failed, Finished, Label, Outcome, Ping

ROUNDING_S = 1e-6  # what is due so soon is due: instants that should be equal differ in their last digits


class Pacer:
    """The pacing of one client's stream.

    Args:
        interval_s: At least so long between two deltas; 0 lets each out at once.
        ping_interval_s: A ping every so many seconds of the stream's life.
        timeout_s: The stream fails after so long.
        first_token_s: It fails when nothing is pushed for so long from its beginning on.
        gap_s: It fails when nothing is pushed for so long after something was.
        now: When the stream began.
    """

    __slots__ = (
        "_begin",
        "_chore_at",
        "_ending",
        "_first_token_s",
        "_gap_s",
        "_held",
        "_interval_s",
        "_label",
        "_labelled",
        "_look_at",
        "_next_flush",
        "_ping_at",
        "_ping_interval_s",
        "_pings",
        "closed",
        "deadline",
        "due",
        "flush_at",
        "heard_at",
        "held_chars",
        "next_index",
        "pinged",
        "stalled",
    )

    def __init__(
        self,
        *,
        interval_s: float,
        ping_interval_s: float,
        timeout_s: float,
        now: float,
        first_token_s: float = inf,
        gap_s: float = inf,
    ) -> None:
        self.next_index = 0
        self.held_chars = 0
        self.pinged = 0  # so many pings have been given out
        self.closed = False  # the ending was polled; nothing follows
        self.stalled = False  # it was ended because nothing was pushed for too long
        self._interval_s = interval_s
        self._ping_interval_s = ping_interval_s
        self._label = ANSWER
        self._labelled: list[Delta] = []  # held, of the labels before
        self._held: list[str] = []  # of this label
        self._ending: Outcome | Failure | None = None
        self._next_flush = now  # no delta may leave before
        self.flush_at = inf  # when the held text leaves
        self._begin = now
        self._pings = 1  # the number of the next one
        self._ping_at = now + ping_interval_s
        self.deadline = now + timeout_s
        self._first_token_s = first_token_s
        self._gap_s = gap_s
        self.heard_at = now
        # Silence is looked at when it could have lasted too long, not at each push.
        self._look_at = now + min(first_token_s, gap_s)
        self._chore_at = min(self._ping_at, self._look_at, self.deadline)  # what is due besides text
        self.due = self._chore_at  # when poll() has something to say

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """Take new text, and the log's index behind it."""
        if self._ending is not None:
            return
        if self.flush_at == inf:
            self.flush_at = now if now > self._next_flush else self._next_flush
            self.due = min(self.due, self.flush_at)
        self._held.append(text)
        self.held_chars += len(text)
        self.next_index = next_index
        self.heard_at = now

    def label(self, label: Label) -> None:
        """Text from here on is something else."""
        if self._held:
            self._labelled.append(self._merge())
        self._label = label

    def through(self, text: str, next_index: int, *, now: float) -> Delta | None:
        """What `push` and then `poll` would give, if that is this text alone; else None, and nothing has happened.

        For the most frequent case, text that may leave at once, at a part of what the two cost.
        """
        soon = now + ROUNDING_S
        if self.flush_at != inf or self._ending is not None or soon < self._next_flush or soon >= self._chore_at:
            return None
        self.next_index = next_index
        self.heard_at = now
        self._next_flush = now + self._interval_s
        return Delta(text, next_index, self._label)

    def excuse(self, *, now: float) -> None:
        """Nothing could be pushed until now: that is no silence."""
        self.heard_at = now

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """The generation is over. A second ending is ignored, because the first is what the client gets."""
        if self._ending is None:
            self._ending = ending
            self.due = now

    @property
    def ending(self) -> Outcome | Failure | None:
        """How it has ended, also before that is polled."""
        return self._ending

    def poll(self, *, now: float) -> list[Event]:
        """What is due at `now`, oldest first."""
        soon = now + ROUNDING_S
        late = soon >= self.deadline
        if self._ending is None and (late or (soon >= self._look_at and self._silent(now))):
            self.stalled = not late
            self.end(Failure(Code.TIMEOUT), now=now)
        if self._ending is not None:
            return self._close(self._ending)
        events: list[Event] = []
        if soon >= self.flush_at:
            events += self._take()
            self.flush_at = inf
            self._next_flush = now + self._interval_s
        if soon >= self._ping_at:
            events.append(self._ping(now))
        self.due = self.flush_at if self.flush_at < self._chore_at else self._chore_at
        return events

    def _silent(self, now: float) -> bool:
        """Whether nothing was pushed for too long; else when to look again."""
        self._look_at = self.heard_at + (self._gap_s if self.next_index else self._first_token_s)
        self._chore_at = min(self._ping_at, self._look_at, self.deadline)
        return self._look_at <= now + ROUNDING_S

    def _ping(self, now: float) -> Ping:
        """Multiples of the interval since the beginning, however late this poll is; those missed are skipped."""
        self._pings = max(self._pings, int((now - self._begin) / self._ping_interval_s))
        while self._ping_at <= now + ROUNDING_S:  # once, or twice where the division was rounded down
            self._pings += 1
            self._ping_at = self._begin + self._pings * self._ping_interval_s
        self._chore_at = min(self._ping_at, self._look_at, self.deadline)
        self.pinged += 1
        return Ping()

    def _take(self) -> list[Delta]:
        """All that is held."""
        deltas, self._labelled = self._labelled, []
        if self._held:
            deltas.append(self._merge())
        self.held_chars = 0
        return deltas

    def _merge(self) -> Delta:
        text = "".join(self._held)
        self._held.clear()
        return Delta(text, self.next_index, self._label)

    def _close(self, ending: Outcome | Failure) -> list[Event]:
        if self.closed:
            return []
        self.closed = True
        self.due = inf
        deltas = self._take()
        if isinstance(ending, Failure):
            return [*deltas, Failed(ending, self.next_index)]
        last = deltas.pop().text if deltas and deltas[-1].label is ANSWER else ""
        return [*deltas, Finished(last, self.next_index, ending)]
