import asyncio
from collections.abc import Sequence

from edge_proxy.conversations.leases import TOGETHER, Leases
from edge_proxy.core.errors import Code, Failure, Refused
from tests.edge_proxy.upstream.readers import eventually


class Renewed:
    def __init__(self) -> None:
        self.said: list[Sequence[str]] = []
        self.down = False

    async def renew(self, reply_ids: Sequence[str]) -> None:
        self.said.append(reply_ids)
        if self.down:
            raise Refused(Failure(Code.DATABASE_UNAVAILABLE))


async def test_a_reply_that_runs_is_said_to_run_again_and_again() -> None:
    renewed = Renewed()
    leases = Leases(renewed.renew, period_s=0.005)
    leases.hold("a")
    leases.hold("b")
    await eventually(lambda: len(renewed.said) >= 3)
    assert renewed.said[0] == ["a", "b"]
    leases.stop()


async def test_of_one_that_has_ended_nothing_is_said_any_more() -> None:
    renewed = Renewed()
    leases = Leases(renewed.renew, period_s=0.005)
    leases.hold("a")
    leases.drop("a")
    await eventually(lambda: leases._task and leases._task.done())
    assert renewed.said == []
    leases.hold("b")
    await eventually(lambda: renewed.said == [["b"]] or len(renewed.said) > 1)
    leases.stop()


async def test_a_database_that_does_not_answer_is_asked_again() -> None:
    renewed = Renewed()
    renewed.down = True
    leases = Leases(renewed.renew, period_s=0.005)
    leases.hold("a")
    await eventually(lambda: len(renewed.said) >= 2)
    leases.stop()


async def test_many_are_said_in_several_statements() -> None:
    renewed = Renewed()
    leases = Leases(renewed.renew, period_s=0.005)
    for number in range(TOGETHER + 1):
        leases.hold(str(number))
    await eventually(lambda: len(renewed.said) >= 2)
    assert [len(some) for some in renewed.said[:2]] == [TOGETHER, 1]
    leases.stop()
    await asyncio.sleep(0)
