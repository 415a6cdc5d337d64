"""Which of several workers that could take a generation gets it.

    one is due for a trial, and others have had enough since the last trial -> that one
    any is trusted, and the request names a session                         -> the first in that session's order
    any is trusted                                                          -> of two of those by chance, the emptier
    none is                                                                 -> the one whose time is soonest over, or
                                                                               where all are being tried the emptiest

One that is known to be full is none of these. When those that are trusted are full, the others get no more than trials:
a refusal, which is quick and clean, is better than a stream that breaks.

Of two by chance, and not of all: edges do not know of each other's choices, and would all run to the same one. Where
both are as empty, chance decides, too: with little to do, the first one named would get it all.

A session's requests begin alike, and its worker may still have that beginning: that saves more than an even load does.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from edge_proxy.core.breaker import State
from edge_proxy.core.rendezvous import rank
from edge_proxy.upstream.link import WorkerLink

TRIAL_EVERY = 5  # generations at least, of which one may be a trial: with little to do, too, few meet a bad worker


class Choice:
    """Chooses.

    Args:
        full: Whether a worker is known to have no room.
        fullness: The part of a worker's places that are taken, as far as can be guessed.
        chance: So many of a sequence, at random.
    """

    def __init__(
        self,
        full: Callable[[WorkerLink], bool],
        fullness: Callable[[WorkerLink], float],
        chance: Callable[[Sequence[WorkerLink], int], Sequence[WorkerLink]] = random.sample,
    ) -> None:
        self._full = full
        self._fullness = fullness
        self._chance = chance
        self._since_trial = TRIAL_EVERY

    def pick(self, links: Sequence[WorkerLink], session: str = "") -> WorkerLink | None:
        """One of these, of which there is at least one; None if there is no room."""
        self._since_trial += 1
        roomy = [link for link in links if not self._full(link)]
        if trial := self._trial(roomy):
            return trial
        if all(link.standing.breaker.aside for link in links):
            return min(roomy, key=self._untrusted_rank, default=None)
        trusted = [link for link in roomy if not link.standing.breaker.aside]
        free = [link for link in trusted if self._fullness(link) < 1] or trusted  # a guess that asks all the same
        if session and free:
            return min(free, key=lambda link: rank(session, link.worker_id))
        return min(self._chance(free, min(2, len(free))), key=self._fullness, default=None)

    def _untrusted_rank(self, link: WorkerLink) -> tuple[bool, float]:
        breaker = link.standing.breaker
        trying = breaker.state is State.PROBING
        return trying, self._fullness(link) if trying else breaker.until

    def _trial(self, links: Sequence[WorkerLink]) -> WorkerLink | None:
        if self._since_trial < TRIAL_EVERY:
            return None
        now = asyncio.get_running_loop().time()
        due = [link for link in links if link.standing.breaker.due(now)]
        if not due:
            return None
        self._since_trial = 0
        return min(due, key=lambda link: link.standing.breaker.until)
