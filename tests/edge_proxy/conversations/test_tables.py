from functools import partial

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from edge_proxy.conversations.store import Store
from edge_proxy.conversations.tables import messages
from tests.edge_proxy.conversations.kept import agent, turn


async def test_no_two_messages_of_a_session_have_one_place_and_none_an_unknown_state(store: Store) -> None:
    of = agent()
    await store.add_agent("alice", of)
    await turn(store, of)
    run = store._database._runner
    said = select(messages).where(messages.c.role == "user")
    row = dict(await run.transact(lambda c: c.execute(said).mappings().one(), writes=False))
    del row["number"]
    for wrong in ({"id": "another"}, {"id": "another", "position": 9, "state": "lost"}):
        one = insert(messages).values(row | wrong)
        with pytest.raises(IntegrityError):
            await run.transact(partial(Connection.execute, statement=one), writes=True)
