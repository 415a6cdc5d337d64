from edge_proxy.core.budget import RetryBudget


def test_at_first_there_is_a_burst_and_then_a_part_of_the_requests() -> None:
    budget = RetryBudget(ratio=0.1, burst=3)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    for _ in range(9):
        budget.earn()
    assert not budget.spend()
    budget.earn()
    budget.earn()  # a tenth is no round number in binary
    assert budget.spend()


def test_no_more_is_saved_than_the_burst() -> None:
    budget = RetryBudget(ratio=1, burst=2)
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
