"""One set of figures for an edge of several processes: each tells its own, and the parent adds them up.

    child    every second, and when it ends: its figures, as one datagram; never waits for the parent
    parent   keeps the last of each child; of one that is gone it goes on counting what that had counted

So counters never go back when a process is started again, and lose what it counted in its last second at most.
"""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import NamedTuple

from edge_proxy.core.meter import Figures

PERIOD_S = 1.0
BUFFER_BYTES = 1 << 20  # asked for; the kernel gives what its limit allows, some 200 KB
MAX_BYTES = 1 << 20

Read = Callable[[], Figures]


class Place(NamedTuple):
    """One child's among the processes of an edge: its name there, and where it tells its figures."""

    name: str
    channel: socket.socket


class Reporter:
    """The child's side.

    Args:
        channel: The child's end.
        read: The figures, as of now.
    """

    def __init__(self, channel: socket.socket, read: Read) -> None:
        self._channel = channel
        self._read = read
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tell now, and from now on."""
        self._tell()
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self.start)

    def stop(self) -> None:
        """Tell once more."""
        if self._timer:
            self._timer.cancel()
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(OSError):  # the parent is busy or gone: the next one says all that this one does
            self._channel.send(json.dumps(self._read().as_json()).encode())


class Reports:
    """The parent's side. What hears and what asks may be different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past = Figures()  # of children that are gone
        self._last: dict[str, bytes] = {}
        self._channels: dict[str, socket.socket] = {}

    @property
    def channels(self) -> list[socket.socket]:
        """Where there is something to hear when they can be read."""
        return list(self._channels.values())

    def place(self, process: str) -> Place:
        """For a new child of that name; one that had it before is gone."""
        self.gone(process)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        theirs.setblocking(False)
        ours.setblocking(False)
        with self._lock:
            self._channels[process] = ours
        return Place(process, theirs)

    def gone(self, process: str) -> None:
        """That child has ended."""
        self.hear()
        with self._lock:
            if process in self._channels:
                self._channels.pop(process).close()
            if process in self._last:
                self._past.add(_read(self._last.pop(process)), gauges=False)

    def close(self) -> None:
        """There are no children any more."""
        for process in tuple(self._channels):
            self.gone(process)

    def hear(self) -> None:
        """Take what has come; each one's last word holds."""
        with self._lock:
            for process, channel in self._channels.items():
                try:
                    while word := channel.recv(MAX_BYTES):
                        self._last[process] = word
                except OSError:  # no more for now
                    pass

    def figures(self) -> Figures:
        """Of all, together."""
        self.hear()
        together = Figures()
        with self._lock:
            together.add(self._past)
            for word in self._last.values():
                together.add(_read(word))
        return together


def _read(word: bytes) -> Figures:
    return Figures.from_json(json.loads(word))
