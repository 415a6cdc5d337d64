from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect

from edge_proxy.conversations.engines import parse, runner
from edge_proxy.conversations.migrations.versions import v0001_agents_sessions_messages as step


async def test_it_can_be_taken_back(url: str) -> None:
    def there_and_back(connection: Connection) -> tuple[list[str], list[str]]:
        with Operations.context(MigrationContext.configure(connection)):
            step.upgrade()
            made = inspect(connection).get_table_names()
            step.downgrade()
        return made, inspect(connection).get_table_names()

    run = runner(parse(url))
    made, left = await run.transact(there_and_back, writes=True)
    await run.close()
    assert (sorted(made), left) == (["agents", "messages", "sessions"], [])


def test_it_is_the_first() -> None:
    assert (step.revision, step.down_revision) == ("0001", None)
