import asyncio
import dataclasses
import sqlite3
from pathlib import Path

import pytest

from edge_proxy.conversations.patience import Unusable
from edge_proxy.conversations.store import Store, open_store
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.conftest import LIMITS
from tests.edge_proxy.conversations.kept import agent, recount, turn
from tests.support.processes import free_port


async def test_what_is_kept_is_there_when_it_is_opened_again(url: str) -> None:
    first, of = await open_store(url, LIMITS), agent()
    await first.add_agent("alice", of)
    asked, _ = await turn(first, of)
    await first.close()
    second = await open_store(url, LIMITS)
    _, messages, _ = await second.session("alice", asked.session_id, after=-1, limit=9)
    await second.close()
    assert [message.text for message in messages] == ["Hello?", "Re: Hello?"]


async def test_two_edges_write_into_one_database(url: str) -> None:
    here, there, of = await open_store(url, LIMITS), await open_store(url, LIMITS), agent()
    await here.add_agent("alice", of)
    await asyncio.gather(*(turn(store, of) for store in (here, there) for _ in range(20)))
    counted = await here.stats("alice", of.id)
    assert (counted.sessions, counted.messages, counted.tokens) == await recount(there, of) == (40, 80, 200)
    await here.close()
    await there.close()


@pytest.mark.parametrize(
    ("content", "said"), [(b"This is no database at all." * 99, "file is not a database"), (None, "unable to open")]
)
async def test_a_file_that_is_none_is_for_a_person(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "relay.db" if content else tmp_path / "nowhere" / "relay.db"
    if content:
        path.write_bytes(content)
    with pytest.raises(Unusable, match=said):
        await open_store(f"sqlite:///{path}", LIMITS)
    assert content is None or path.read_bytes() == content


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996  # behind the file's head: the page that says where all tables are
    path.write_bytes(data)


async def test_a_damaged_file_is_for_a_person(file_store: Store, file_url: str) -> None:
    await file_store.close()
    damage(Path(file_url.removeprefix("sqlite:///")))
    with pytest.raises(Unusable, match="malformed"):
        await open_store(file_url, LIMITS)


async def test_a_newer_database_is_for_a_person(file_store: Store, file_url: str) -> None:
    await file_store.close()
    connection = sqlite3.connect(file_url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Unusable, match="newer Token Relay"):
        await open_store(file_url, LIMITS)


async def test_a_server_that_is_not_there_may_come() -> None:
    with pytest.raises(Refused) as caught:
        await open_store(f"postgresql://postgres@127.0.0.1:{free_port()}/relay", LIMITS)
    assert caught.value.failure.code is Code.DATABASE_UNAVAILABLE


async def test_a_file_that_is_locked_for_long_may_come_free(file_store: Store, file_url: str) -> None:
    await file_store.close()
    connection = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refused):
        await open_store(file_url, dataclasses.replace(LIMITS, open_s=0.2))
    connection.execute("ROLLBACK")
    connection.close()
    await (await open_store(file_url, LIMITS)).close()
