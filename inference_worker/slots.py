"""A queue of what is due later, in slots of time: a thousand items of the same 5 ms cost a thousand list appends."""

import heapq
from math import ceil, floor
from typing import Generic, TypeVar

T = TypeVar("T")

EPSILON = 1e-6  # of a slot: an instant that is a slot's end but for rounding is that slot's end


class SlotQueue(Generic[T]):
    """Items, each due at an instant; it leaves at the end of the slot that holds the instant.

    Args:
        slot_s: The width of a slot.
    """

    def __init__(self, *, slot_s: float) -> None:
        self._slot_s = slot_s
        self._slots: dict[int, list[T]] = {}
        self._order: list[int] = []  # heap of the slots' numbers

    def add(self, item: T, at: float) -> None:
        """Have `item` leave at the first slot's end at or after `at`."""
        number = ceil(at / self._slot_s - EPSILON)
        if number in self._slots:
            self._slots[number].append(item)
        else:
            self._slots[number] = [item]
            heapq.heappush(self._order, number)

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
