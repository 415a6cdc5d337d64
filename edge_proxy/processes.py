"""One edge on several processes: each serves on a socket of its own, and the kernel spreads connections over them.

    parent   holds the port, starts the others, starts one again that has died, passes signals on
    child    an edge like any other; ends when its parent is gone

Processes share nothing, but that the parent adds up what they have measured. Since an edge keeps no state that matters,
a client may come back to any of them.
"""

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from edge_proxy import metrics
from edge_proxy.reports import Place, Reports
from edge_proxy.settings import Settings

log = logging.getLogger(__name__)

RESTART_PAUSE_S = 1.0  # so that one that can not live does not keep the machine busy

Run = Callable[[Settings, Place], None]


def hold(host: str, port: int) -> socket.socket:
    """A socket that has the port, together with others of this user that share it, and takes no connections.

    Raises:
        OSError: The address can not be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder


class Family:
    """The children, and what is known of them. `run` is what each does, given its settings and its place."""

    def __init__(self, settings: Settings, run: Run) -> None:
        self._settings = settings
        self._run = run
        self._children: list[SpawnProcess] = []
        self._stopping = False
        self._reports = Reports()

    def serve(self) -> None:
        """Keep the children going until SIGTERM or SIGINT, and all have ended.

        Raises:
            OSError: The address can not be listened on.
            MetricsError: Nor can that for metrics.
        """
        metrics.serve(self._reports.figures, **metrics.where(self._settings))
        with hold(self._settings.host, self._settings.port) as holder:
            self._settings = self._settings.model_copy(update={"port": holder.getsockname()[1]})
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._pass_on)
            for place in range(self._settings.processes):
                self._start(str(place))
            while self._children:
                wait([*(child.sentinel for child in self._children), *self._reports.channels])
                self._reports.hear()
                self._reap()
        self._reports.close()

    def _start(self, name: str) -> None:
        if self._stopping:
            return
        context = multiprocessing.get_context("spawn")
        place = self._reports.place(name)
        child = context.Process(target=_live, args=(self._settings, self._run, place), name=name)
        child.start()
        place.channel.close()
        self._children.append(child)
        if self._stopping:  # since a moment ago: it was not told
            child.terminate()

    def _reap(self) -> None:
        for child in [child for child in self._children if child.exitcode is not None]:
            self._children.remove(child)
            self._reports.gone(child.name)
            if not self._stopping:
                log.warning("The edge's process %d ended (%s): it is started again.", child.pid, child.exitcode)
                time.sleep(RESTART_PAUSE_S)
                self._start(child.name)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for child in self._children:
            child.terminate()  # in any case: that is quiet even before the child can handle it
            if number == signal.SIGINT and child.pid and child.exitcode is None:
                os.kill(child.pid, signal.SIGINT)


def _live(settings: Settings, run: Run, place: Place) -> None:
    os.setpgrp()  # Ctrl-C in a terminal reaches the parent alone, which passes it on once
    run(settings, place)
