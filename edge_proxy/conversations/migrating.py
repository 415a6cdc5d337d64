"""Brings a database to the schema that this edge knows, whoever else does the same at the same moment.

Each step and its mark are one transaction, which also holds the lock: the second edge waits, and finds nothing to do.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from edge_proxy.conversations.tables import metadata

STEPS = Path(__file__).parent / "migrations"
LOCK = 0x746F6B656E  # of PostgreSQL, by a number that only those who know it ask for: "token"


class Unknown(Exception):
    """The database is of a newer version: to write into it could harm it."""


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest schema, on a connection whose transaction has begun, and writes.

    Raises:
        Unknown: It has a newer one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config,
        script,
        fn=lambda revision, context: script._upgrade_revs("head", revision),
    ) as environment:
        environment.configure(connection=connection, target_metadata=metadata)
        try:
            environment.run_migrations()
        except CommandError as error:
            found = MigrationContext.configure(connection).get_current_revision()
            raise Unknown(f"the database has schema {found}, which a newer Token Relay has made") from error
