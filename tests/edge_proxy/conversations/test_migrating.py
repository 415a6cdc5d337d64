import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from edge_proxy.conversations.engines import Runner, parse, runner
from edge_proxy.conversations.migrating import Unknown, upgrade
from edge_proxy.conversations.tables import metadata


@pytest.fixture
async def run(url: str) -> AsyncIterator[Runner]:
    made = runner(parse(url))
    yield made
    await made.close()


async def test_the_steps_make_the_tables_that_the_code_knows(run: Runner) -> None:
    def compare(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    await run.transact(upgrade, writes=True)
    assert await run.transact(compare, writes=False) == []


async def test_a_database_that_is_right_is_left_as_it_is(run: Runner) -> None:
    await run.transact(upgrade, writes=True)
    # Which a second run would trip over.
    await run.transact(lambda c: c.execute(text("DROP INDEX sessions_of_an_agent")), writes=True)
    await run.transact(upgrade, writes=True)


async def test_edges_that_start_together_make_it_once(url: str, run: Runner) -> None:
    others = [runner(parse(url)) for _ in range(4)]
    await asyncio.gather(*(other.transact(upgrade, writes=True) for other in others))
    found = await run.transact(lambda c: sorted(inspect(c).get_table_names()), writes=False)
    assert found == ["agents", "alembic_version", "messages", "sessions"]
    for other in others:
        await other.close()


async def test_a_step_that_fails_leaves_nothing_half(run: Runner) -> None:
    def half(connection: Connection) -> None:
        upgrade(connection)
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        await run.transact(half, writes=True)
    assert await run.transact(lambda c: inspect(c).get_table_names(), writes=False) == []


async def test_a_database_of_a_newer_version_is_not_touched(run: Runner) -> None:
    await run.transact(upgrade, writes=True)
    await run.transact(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")), writes=True)
    with pytest.raises(Unknown, match="has schema 9999, which a newer Token Relay has made"):
        await run.transact(upgrade, writes=True)
