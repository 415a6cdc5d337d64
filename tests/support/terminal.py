"""A program in a real terminal: what it shows, piece by piece, and keys that are pressed in it."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.processes import ROOT, clean_environment

CTRL_C, CTRL_D = "\x03", "\x04"
LIMIT_S = 20.0

# Run first in the new session: the terminal becomes its own, so that Ctrl-C in it is a signal to the program.
OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """One terminal.

    Attributes:
        shown: All that has been shown so far.
        steps: When more was shown, and how many characters it made.
    """

    def __init__(self, keyboard: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.shown = ""
        self.steps: list[tuple[float, int]] = []
        self._keyboard = keyboard
        self._bytes = b""

    def press(self, keys: str) -> None:
        """Type this."""
        os.write(self._keyboard, keys.encode())

    def wait_for(self, pattern: str, *, begin: int = 0, limit_s: float = LIMIT_S) -> int:
        """Read until what is shown from `begin` on has the pattern; where it ends."""
        deadline = time.monotonic() + limit_s
        while not (match := re.compile(pattern).search(self.shown, begin)):
            assert time.monotonic() < deadline, f"not within {limit_s:g} s: {pattern!r} in {self.shown!r}"
            assert self._read(), f"it ended without {pattern!r}: {self.shown!r}"
        return match.end()

    def wait(self) -> int:
        """Read until the program has ended; its exit code."""
        deadline = time.monotonic() + LIMIT_S
        while self._read():
            assert time.monotonic() < deadline, f"it does not end: {self.shown!r}"
        return self.process.wait(5)

    def _read(self) -> bool:
        """Take what is shown within a moment. False: nothing will be any more."""
        if not select.select([self._keyboard], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._keyboard, 65_536)
        except OSError:  # Linux says so that the program has closed its side
            return False
        self._bytes += data
        self.shown = self._bytes.decode("utf-8", "ignore")
        self.steps.append((time.monotonic(), len(self.shown)))
        return bool(data)


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    """Python with these arguments, in a terminal of its own."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", OWN, *arguments],
        cwd=ROOT,
        env=clean_environment(),
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    try:
        yield Terminal(keyboard, process)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
