import asyncio
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.patience import Unusable
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.conftest import LIMITS
from tests.edge_proxy.conversations.kept import agent
from tests.support.postgres_server import Server
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[3]
LOADED = (
    "import sys, edge_proxy.app; print([name for name in sys.modules if name.startswith(('sqlalchemy', 'alembic'))])"
)


def test_an_edge_loads_no_database_until_it_needs_one() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_file_that_nobody_asked_for_is_made_when_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    archive = Archive(f"sqlite:///{path}", LIMITS, given=False)
    await archive.start()
    assert not path.exists()
    await (await archive.store()).add_agent("", agent())
    assert path.exists()
    await archive.stop()


async def test_a_file_that_is_there_is_opened_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    path.write_bytes(b"nonsense" * 999)
    with pytest.raises(Unusable):
        await Archive(f"sqlite:///{path}", LIMITS, given=False).start()


async def test_one_that_somebody_named_is_opened_at_the_start(tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path}/relay.db", LIMITS)
    await archive.start()
    assert (tmp_path / "relay.db").exists()
    await archive.stop()


async def test_one_that_does_not_answer_is_opened_when_it_does(caplog: pytest.LogCaptureFixture) -> None:
    archive = Archive(f"postgresql://me:secret@127.0.0.1:{free_port()}/relay", LIMITS)
    await archive.start()
    with pytest.raises(Refused) as caught:
        await archive.store()
    assert caught.value.failure.code is Code.DATABASE_UNAVAILABLE
    assert "does not answer" in caplog.text
    assert "secret" not in caplog.text + caught.value.failure.message


async def test_without_an_address_there_are_no_conversations_and_the_setting_is_named() -> None:
    archive = Archive("", LIMITS)
    await archive.start()
    with pytest.raises(Refused, match="EDGE_DATABASE_URL") as caught:
        await archive.store()
    assert caught.value.failure.code is Code.NOT_SUPPORTED
    assert archive.troubled is False


async def test_those_that_need_it_first_together_get_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    archive = Archive(f"sqlite:///{tmp_path}/relay.db", LIMITS)
    stores = await asyncio.gather(*(archive.store() for _ in range(5)))
    assert len(set(map(id, stores))) == 1
    assert caplog.text.count(f"Conversations are kept in {tmp_path}/relay.db.") == 1
    await archive.stop()


async def test_while_it_can_not_be_opened_who_asks_learns_it_in_time(postgres: Server) -> None:
    archive = Archive(postgres.url, dataclasses.replace(LIMITS, ask_s=0.3, open_s=1.0))
    postgres.freeze()
    loop = asyncio.get_running_loop()
    try:
        took = []
        for _ in range(3):
            began = loop.time()
            with pytest.raises(Refused):
                await archive.store()
            took.append(loop.time() - began)
    finally:
        postgres.thaw()
    assert max(took[1:]) < 0.3 + 1.0, "the first may have to make the tables"
    assert archive.troubled
    await archive.stop()
