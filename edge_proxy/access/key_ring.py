"""The keys that hold now: those of a setting, and those of a file that may change while the edge runs."""

import asyncio
import logging
from pathlib import Path

from edge_proxy.access.keys import Keys, Line, read_lines
from edge_proxy.core.caller import Caller

log = logging.getLogger(__name__)

PERIOD_S = 1.0  # between two looks at the file


class KeyRing:
    """Finds callers by their keys.

    Args:
        inline: Keys that do not change, as lines.
        path: A file with more of them; None for none.

    Raises:
        ValueError: Lines are wrong, or an id is there twice.
        OSError: The file can not be read.
    """

    def __init__(self, inline: str = "", path: Path | None = None) -> None:
        self._inline = read_lines(inline)
        self._path = path
        self._stamp = _stamp(path) if path else None
        self._complaint = ""
        self._keys = Keys(self._read())

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._keys)

    def find(self, key: str, *, unix_s: float) -> Caller | None:
        """Who comes with that key; see `Keys`."""
        return self._keys.find(key, unix_s=unix_s)

    def named(self, key_id: str) -> Caller | None:
        """Who comes with the key of that id, as of now."""
        return self._keys.named(key_id)

    async def watch(self) -> None:
        """Take over what changes in the file, until cancelled."""
        while self._path:
            await asyncio.sleep(PERIOD_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read the file again if it has changed. One that can not be read changes nothing: a slip locks nobody out."""
        try:
            stamp = _stamp(self._path) if self._path else None
            if stamp == self._stamp and not self._complaint:
                return
            self._keys = Keys(self._read())
        except (OSError, ValueError) as error:
            if str(error) != self._complaint:
                log.error("The file of API keys can not be read, and those from before hold on: %s", error)
            self._complaint = str(error)
        else:
            self._stamp, self._complaint = stamp, ""
            log.info("There are %d API keys now.", len(self))

    def _read(self) -> list[Line]:
        lines = self._inline + (read_lines(self._path.read_text("utf-8")) if self._path else [])
        if len({line.id for line in lines}) < len(lines):
            raise ValueError("an id is in both EDGE_API_KEYS and EDGE_API_KEYS_FILE")
        return lines


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes with a file. The number too: who writes well writes another file, and renames it."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
