import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from edge_proxy.conversations.database import Database, brief
from edge_proxy.conversations.engines import READERS, File, parse, runner
from edge_proxy.conversations.store import Store
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.kept import agent, turn
from tests.edge_proxy.upstream.readers import eventually
from tests.support.postgres_server import Server


class Locked:
    """Another process that writes to the file of a store, and does not come to an end."""

    def __init__(self, store: Store) -> None:
        self._connection = sqlite3.connect(path(store), isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def path(store: Store) -> str:
    found = engine(store).url.database
    assert found
    return found


def engine(store: Store) -> Engine:
    run = store._database._runner
    assert isinstance(run, File)
    return run._engine


async def refused(work: Any) -> Code:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.failure.code


async def test_who_waits_for_a_locked_file_is_refused_in_time_and_reads_go_on(file_store: Store) -> None:
    of, loop = agent(), asyncio.get_running_loop()
    await file_store.add_agent("alice", of)
    with Locked(file_store):
        began = loop.time()
        work = file_store._database.write(lambda c: c.execute(text("DELETE FROM agents")), limit_s=0.2)
        assert await refused(work) is Code.DATABASE_UNAVAILABLE
        assert loop.time() - began < 1
        assert await file_store.agent("alice", of.id) == of
        assert file_store.troubled is False, "what was asked last was answered"
    await turn(file_store, of)


async def test_what_was_given_up_is_not_done_later(file_store: Store) -> None:
    of = agent()
    await file_store.add_agent("alice", of)
    with Locked(file_store):
        work = file_store._database.write(lambda c: c.execute(text("DELETE FROM agents")), limit_s=0.05)
        await refused(work)
    await eventually(lambda: not file_store._database._tasks)
    assert await file_store.agent("alice", of.id) == of


async def test_who_leaves_in_the_midst_leaves_no_cursor_and_no_lock_behind(file_store: Store) -> None:
    of = agent()
    await file_store.add_agent("alice", of)
    for delay_s in (0.0, 0.001, 0.002, 0.005, 0.01):
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(turn(file_store, of)) for _ in range(5)]
        tasks += [asyncio.create_task(file_store.agents("alice", before=0, limit=9)) for _ in range(5)]
        await asyncio.sleep(delay_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await eventually(lambda: not file_store._database._tasks)
    await turn(file_store, of)
    connection = sqlite3.connect(path(file_store))
    busy, left, moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    assert (busy, left, moved) == (0, 0, 0), "somebody still reads"


async def test_a_full_disk_is_refused_harms_nothing_and_is_over_when_there_is_room(file_store: Store) -> None:
    of = agent()
    await file_store.add_agent("alice", of)
    pages = await pragma(file_store, "page_count")
    await pragma(file_store, f"max_page_count={pages}")
    code = None
    for _ in range(200):
        try:
            await turn(file_store, of, text="x" * 500)
        except Refused as refusal:
            code = refusal.failure.code
            break
    assert code is Code.DATABASE_UNAVAILABLE
    assert file_store.troubled
    assert (await file_store.agent("alice", of.id)) == of
    await pragma(file_store, "max_page_count=100000")
    await turn(file_store, of)
    assert not file_store.troubled
    assert await pragma(file_store, "integrity_check") == "ok"


async def pragma(store: Store, what: str) -> Any:
    """On all connections, because some are of one connection."""
    connections = [engine(store).connect() for _ in range(READERS + 1)]
    found = [connection.exec_driver_sql(f"PRAGMA {what}").scalar_one() for connection in connections]
    for connection in connections:
        connection.close()
    return found[0]


async def test_a_server_that_answers_nothing_is_given_up_and_taken_again(postgres_url: str, postgres: Server) -> None:
    database = Database(runner(parse(postgres_url)))
    one = text("SELECT 1")
    await database.read(lambda c: c.execute(one), limit_s=5)
    postgres.freeze()
    try:
        assert await refused(database.read(lambda c: c.execute(one), limit_s=0.2)) is Code.DATABASE_UNAVAILABLE
    finally:
        postgres.thaw()
    await database.read(lambda c: c.execute(one), limit_s=10)
    await database.close()


async def test_a_server_that_was_started_again_is_found_without_a_refusal(postgres_url: str, postgres: Server) -> None:
    database = Database(runner(parse(postgres_url)))
    one = text("SELECT 1")
    await database.read(lambda c: c.execute(one), limit_s=5)
    postgres.stop()
    assert await refused(database.read(lambda c: c.execute(one), limit_s=5)) is Code.DATABASE_UNAVAILABLE
    postgres.start()
    await database.read(lambda c: c.execute(one), limit_s=5)
    await database.close()


async def test_trouble_is_logged_once_and_so_is_its_end(
    file_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    database = Database(runner(parse(file_url)))
    for _ in range(3):
        await refused(database.read(lambda c: c.execute(text("SELECT secret FROM nowhere")), limit_s=5))
    await database.read(lambda c: c.execute(text("SELECT 1")), limit_s=5)
    await database.close()
    said = [record.message for record in caplog.records if "database" in record.name]
    assert len(said) == 2
    assert said[1] == "The database answers again."


def test_an_error_is_said_in_one_line_without_what_people_have_said() -> None:
    assert brief(TimeoutError()) == "TimeoutError: no answer in time"
    assert brief(ValueError("first\nsecond")) == "ValueError: first"
