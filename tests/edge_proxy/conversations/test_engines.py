import pytest
from sqlalchemy import Connection, text

from edge_proxy.conversations.engines import PRAGMAS, parse, runner


@pytest.mark.parametrize(
    ("text", "driver", "database"),
    [
        ("sqlite:///relay.db", "sqlite", "relay.db"),
        ("sqlite:////var/lib/relay.db", "sqlite", "/var/lib/relay.db"),
        ("postgresql://me:secret@db/relay", "postgresql+asyncpg", "relay"),
        ("postgres://db:5433/relay", "postgresql+asyncpg", "relay"),
    ],
)
def test_addresses_are_taken_as_people_write_them(text: str, driver: str, database: str) -> None:
    url = parse(text)
    assert (url.drivername, url.database) == (driver, database)


def test_the_mode_of_tls_is_taken_as_libpq_calls_it() -> None:
    assert dict(parse("postgresql://db/relay?sslmode=require").query) == {"ssl": "require"}


@pytest.mark.parametrize("text", ["mysql://db/relay", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_what_is_no_database_that_can_be_used_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is no address|it begins with none") as caught:
        parse(text)
    assert "relay" not in str(caught.value)


async def test_a_file_is_written_so_that_a_commit_is_on_the_disk(file_url: str) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

    def read(connection: Connection) -> dict[str, object]:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    run = runner(parse(file_url))
    found = await run.transact(read, writes=True)
    await run.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert len(found) == len(PRAGMAS)


def fill(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE things (number INTEGER)"))
    connection.execute(text("INSERT INTO things VALUES (1)"))


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())


async def test_what_is_done_is_kept_whole_or_not_at_all(url: str) -> None:
    run = runner(parse(url))
    await run.transact(fill, writes=True)

    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO things VALUES (2)"))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no words
        await run.transact(fail, writes=True)
    assert await run.transact(count, writes=False) == 1
    await run.close()


async def test_what_nobody_wants_any_more_is_taken_back(url: str) -> None:
    run = runner(parse(url))
    await run.transact(fill, writes=True)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await run.transact(lambda c: c.execute(text("INSERT INTO things VALUES (2)")), writes=True, check=check)
    assert await run.transact(count, writes=False) == 1
    await run.close()
