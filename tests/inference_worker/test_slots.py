import pytest

from inference_worker.slots import SlotQueue


def test_items_leave_at_the_end_of_their_slot_in_order() -> None:
    queue: SlotQueue[str] = SlotQueue(slot_s=0.01)
    for item, at in (("c", 0.021), ("a", 0.001), ("b", 0.011), ("d", 0.03)):
        queue.add(item, at)
    assert queue.next() == pytest.approx(0.01)
    assert queue.pop(0.0099) == []
    assert queue.pop(0.02) == ["a", "b"]
    assert queue.next() == pytest.approx(0.03)
    assert queue.pop(1) == ["c", "d"]
    assert queue.next() is None


@pytest.mark.parametrize("number", [1, 3, 7, 123_456_789])
def test_what_is_due_at_the_end_of_a_slot_leaves_then(number: int) -> None:
    queue: SlotQueue[str] = SlotQueue(slot_s=0.01)
    at = number * 0.01
    queue.add("x", at)
    assert queue.next() == pytest.approx(at)
    assert queue.pop(at) == ["x"]
