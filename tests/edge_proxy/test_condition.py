from edge_proxy.condition import Condition
from edge_proxy.core.errors import Code
from edge_proxy.core.status import Timing, Trouble


def test_the_status_is_as_of_now() -> None:
    now = [100.0]
    condition = Condition(clock=lambda: now[0], wall=lambda: 1_790_000_000 + now[0])
    condition.look(busy=0.5, lag_s=0.01)
    now[0] = 107.0
    condition.on_failure(Code.WORKER_LOST)
    condition.timing = lambda: Timing(0.2, 0.05)
    now[0] = 110.0
    status = condition.status(draining=True, streams=3, most_streams=9, workers=[])
    assert (status.unix_s, status.up_s, status.draining) == (1_790_000_110.0, 10.0, True)
    assert (status.streams, status.most_streams, status.busy, status.lag_s) == (3, 9, 0.5, 0.01)
    assert status.timing == (0.2, 0.05)
    assert status.troubles == [Trouble(Code.WORKER_LOST, 1_790_000_107.0)]


def test_at_first_nothing_is_known() -> None:
    status = Condition().status(draining=False, streams=0, most_streams=1, workers=[])
    assert (status.timing, status.troubles, status.busy) == ((None, None), [], 0.0)
    assert status.up_s >= 0
