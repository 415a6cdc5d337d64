import asyncio
import os
from pathlib import Path

import pytest

from edge_proxy.access import key_ring
from edge_proxy.access.key_ring import KeyRing
from edge_proxy.access.keys import make
from edge_proxy.core.caller import Limits
from tests.edge_proxy.upstream.readers import eventually


def made(name: str) -> tuple[str, str]:
    return make(name, owner="", expires=None, limits=Limits())


def write(path: Path, *lines: str) -> None:
    """As who writes well does: another file, renamed."""
    other = path.with_suffix(".new")
    other.write_text("\n".join(lines))
    other.rename(path)


def test_keys_are_those_of_the_setting_and_of_the_file(tmp_path: Path) -> None:
    (one, one_line), (two, two_line) = made("one"), made("two")
    write(tmp_path / "keys", two_line)
    ring = KeyRing(one_line, tmp_path / "keys")
    assert [bool(ring.find(key, unix_s=0)) for key in (one, two)] == [True, True]
    assert len(ring) == 2


def test_an_id_in_both_is_refused(tmp_path: Path) -> None:
    _, line = made("one")
    write(tmp_path / "keys", line)
    with pytest.raises(ValueError, match="both"):
        KeyRing(line, tmp_path / "keys")


def test_a_file_that_changes_adds_and_revokes(tmp_path: Path) -> None:
    (one, one_line), (two, two_line) = made("one"), made("two")
    path = tmp_path / "keys"
    write(path, one_line)
    ring = KeyRing("", path)
    write(path, two_line)
    ring.look()
    assert ring.find(one, unix_s=0) is None
    assert ring.named(one.split("_")[1]) is None
    assert ring.find(two, unix_s=0)


def test_a_file_of_the_same_size_and_time_is_another_when_it_was_renamed(tmp_path: Path) -> None:
    (one, one_line), (_, two_line) = made("one"), made("two")
    path = tmp_path / "keys"
    write(path, one_line)
    stamp = path.stat().st_mtime_ns
    ring = KeyRing("", path)
    write(path, two_line)
    os.utime(path, ns=(stamp, stamp))
    ring.look()
    assert ring.find(one, unix_s=0) is None


def test_a_file_that_can_not_be_read_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, line = made("one")
    path = tmp_path / "keys"
    write(path, line)
    ring = KeyRing("", path)
    for broken in (True, False):
        if broken:
            write(path, "{")
        else:
            path.unlink()
        caplog.clear()
        for _ in range(3):
            ring.look()
        assert ring.find(key, unix_s=0)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
    write(path)
    ring.look()
    assert ring.find(key, unix_s=0) is None, "it is looked at again when it can be read again"


async def test_it_is_looked_at_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "PERIOD_S", 0.01)
    key, line = made("one")
    path = tmp_path / "keys"
    write(path, line)
    ring = KeyRing("", path)
    watching = asyncio.create_task(ring.watch())
    write(path)
    await eventually(lambda: ring.find(key, unix_s=0) is None)
    watching.cancel()


async def test_without_a_file_there_is_nothing_to_watch() -> None:
    await KeyRing().watch()
