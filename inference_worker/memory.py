"""What the garbage collector does here: little, and the rest when nobody waits for it.

A full collection looks at every object there is. With thousands of streams open that is a pause of some hundred
milliseconds, again with every quarter that is added, and it finds nothing: what a stream is made of goes with its last
reference, which a test holds. So full collections become rare; those of young objects go on as ever.

The edge has the same: the services share the protos and nothing else.
"""

import gc

RARELY = 100  # at most one full collection per so many of the generation below: some 700,000 new objects


def settle() -> None:
    """To be called after the imports, whose objects live as long as the process: they need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], RARELY)


class Tidying:
    """Full collections, one each time that the last of what was open has ended."""

    def __init__(self) -> None:
        self._used = False

    def look(self, *, open_now: int) -> None:
        """To be called now and then, with how many are open."""
        if open_now:
            self._used = True
        elif self._used:
            self._used = False
            gc.collect()
