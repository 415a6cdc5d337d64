"""How much was used lately: a sliding window, in slots.

What is added counts until the slot that it was added in is wholly out of the window, so in no stretch of time as long
as the window is there ever more than was allowed; for that it counts up to one slot longer than it must. Who always
takes all that there is gets at least slots / (slots + 1) of the bound.

    slot       0    1    2    3    4    5            width 4 slots; now is in slot 4
    counted    |====|====|====|====|==> |            what was added in slot 0 counts until slot 5 begins
"""

from math import floor


class Window:
    """What was used within the last `width_s` seconds, at most.

    Args:
        width_s: How long it is.
        slots: In so many parts. Instants are seconds on one clock.
    """

    __slots__ = ("_slot_s", "_slots", "_total", "_used")

    def __init__(self, *, width_s: float, slots: int) -> None:
        self._slot_s = width_s / slots
        self._slots = slots
        self._used: dict[int, int] = {}  # by slot
        self._total = 0

    def used(self, *, now: float) -> int:
        """All that counts at `now`."""
        current = floor(now / self._slot_s)
        for slot in [slot for slot in self._used if slot < current - self._slots]:
            self._total -= self._used.pop(slot)
        return self._total

    def add(self, amount: int, *, now: float) -> None:
        """So much is used at `now`."""
        slot = floor(now / self._slot_s)
        self._used[slot] = self._used.get(slot, 0) + amount
        self._total += amount

    def give_back(self, amount: int, *, at: float) -> None:
        """So much of what was added at `at` was not used; nothing, if that does not count any more."""
        slot = floor(at / self._slot_s)
        returned = min(amount, self._used.get(slot, 0))
        if returned:
            self._used[slot] -= returned
            self._total -= returned

    def frees_s(self, amount: int, *, now: float) -> float:
        """In how many seconds so much does not count any more of what counts at `now`; of all there is, if less."""
        last = None
        for slot, used in sorted(self._used.items()):
            if amount <= 0:
                break
            amount -= used
            last = slot if used else last
        return 0.0 if last is None else (last + self._slots + 1) * self._slot_s - now
