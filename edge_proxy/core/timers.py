"""One queue for the timers of all streams.

Time is cut into slots; what is due within one slot wakes together, at its end. So a thousand streams that each want to
be woken every 50 ms cost a wake-up per slot, and list appends.
"""

import heapq
from collections.abc import Hashable
from math import ceil, floor
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

EPSILON = 1e-6  # of a slot: an instant that is a slot's end but for rounding is that slot's end


class TimerQueue(Generic[T]):
    """Items, and when they want to be woken.

    Args:
        slot_s: The width of a slot: an item wakes at most so much late, never early.
    """

    def __init__(self, *, slot_s: float) -> None:
        self._slot_s = slot_s
        self._slots: dict[int, dict[T, None]] = {}  # a dict as an ordered set
        self._order: list[int] = []  # heap of the slots' numbers

    def add(self, item: T, at: float) -> bool:
        """Have `item` woken at `at`. True: that is in a new slot that is now the first one."""
        number = self._number(at)
        slot = self._slots.get(number)
        if slot is not None:
            slot[item] = None
            return False
        self._slots[number] = {item: None}
        heapq.heappush(self._order, number)
        return self._order[0] == number

    def remove(self, item: T, at: float) -> None:
        """Have `item` not woken at `at`. Its slot stays, and may end with nothing in it."""
        self._slots.get(self._number(at), {}).pop(item, None)

    def next(self) -> float | None:
        """When the first slot ends; None if the queue is empty."""
        return self._order[0] * self._slot_s if self._order else None

    def pop(self, now: float) -> list[T]:
        """The items of all slots that have ended by `now`, earliest first."""
        items: list[T] = []
        last = floor(now / self._slot_s + EPSILON)
        while self._order and self._order[0] <= last:
            items += self._slots.pop(heapq.heappop(self._order))
        return items

    def _number(self, at: float) -> int:
        return ceil(at / self._slot_s - EPSILON)
