"""What the settings make of who comes. Every route: test_walk."""

import pytest

from edge_proxy.access.keys import make
from edge_proxy.core.caller import Caller, Limits
from edge_proxy.entrance import RECHECK_EVERY, Entrance, May
from edge_proxy.settings import Settings

KEY, LINE = make("laptop", owner="alice", expires=None, limits=Limits())


@pytest.mark.parametrize(("processes", "issues"), [(1, True), (2, False)])
def test_of_several_processes_none_gives_out_tickets(processes: int, issues: bool) -> None:
    assert (Entrance(Settings(api_keys=LINE, processes=processes)).issue is not None) is issues


def test_who_is_in_is_looked_at_again_every_second() -> None:
    entrance = Entrance(Settings(api_keys=LINE))
    asked: list[May] = []
    for _ in range(3 * RECHECK_EVERY):
        entrance.look(asked.append)
    assert len(asked) == 3
    assert not asked[0](Caller(key_id="000000000000", owner="alice"))


def test_where_nobody_is_asked_nobody_is_looked_at() -> None:
    entrance = Entrance(Settings())
    asked: list[May] = []
    for _ in range(RECHECK_EVERY):
        entrance.look(asked.append)
    assert not asked
