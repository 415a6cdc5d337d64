"""Which of several workers that could take a generation gets it.

    one is due for a trial, and others have had enough since the last trial -> that one
    any is trusted                                                          -> of two of those by chance, the emptier
    none is                                                                 -> the one whose time is soonest over, or
                                                                               where all are being tried the emptiest

Of two by chance, and not of all: edges do not know of each other's choices, and would all run to the same one. Where
both are as empty, chance decides, too: with little to do, the first one named would get it all.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from edge_proxy.core.breaker import State
from edge_proxy.upstream.link import WorkerLink

TRIAL_EVERY = 5  # generations at least, of which one may be a trial: with little to do, too, few meet a bad worker


class Choice:
    """Chooses.

    Args:
        fullness: The part of a worker's places that are taken.
        chance: So many of a sequence, at random.
    """

    def __init__(
        self,
        fullness: Callable[[WorkerLink], float],
        chance: Callable[[Sequence[WorkerLink], int], Sequence[WorkerLink]] = random.sample,
    ) -> None:
        self._fullness = fullness
        self._chance = chance
        self._since_trial = TRIAL_EVERY

    def pick(self, links: Sequence[WorkerLink]) -> WorkerLink:
        """One of these, of which there is at least one."""
        self._since_trial += 1
        trusted = [link for link in links if not link.standing.breaker.aside]
        if len(trusted) < len(links) and (trial := self._trial(links)):
            return trial
        if not trusted:
            return min(links, key=self._untrusted_rank)
        free = [link for link in trusted if self._fullness(link) < 1] or trusted
        return min(self._chance(free, min(2, len(free))), key=self._fullness)

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
