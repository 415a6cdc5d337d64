"""A bound on how fast a generation's tokens come: to watch a model that is faster than people read."""

from collections.abc import Mapping

from inference_worker.status import invalid

OPTION = "tokens_per_second"
MOST = 1e6


class Pace:
    """Says after each token how long the next one has to wait.

    Args:
        tokens_per_second: Above 0.
        now: When the first token may come, in seconds on some clock.
    """

    def __init__(self, tokens_per_second: float, now: float) -> None:
        self._period_s = 1 / tokens_per_second
        self._due = now

    def wait_s(self, now: float) -> float:
        """Seconds from `now`, when a token has come, until the next one may. Lost time is not made up for."""
        self._due = max(self._due, now - self._period_s) + self._period_s
        return max(0.0, self._due - now)


def parse_bound(given: Mapping[str, str], default: float) -> float:
    """Tokens a second that `engine_options` ask for; 0: as fast as can be.

    Raises:
        Refused: A name that is no option, or a value that is none for it.
    """
    for name in given:
        if name != OPTION:
            raise invalid(f"engine_options.{name}", f"The llamacpp engine has one option, {OPTION}.")
    try:
        bound = float(given.get(OPTION, default))
    except ValueError:
        bound = -1.0
    if not 0 <= bound <= MOST:
        raise invalid(f"engine_options.{OPTION}", "The value is a number from 0 to a million.")
    return bound
