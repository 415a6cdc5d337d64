"""What it takes to be measured: say whether you can run here, run, and name the processes whose CPU counts."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bench.loads import Load


class Unavailable(Exception):
    """This peer can not run on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready, and how to ask it for a stream of a load."""

    port: int
    path: str
    body: bytes
    proxy_pids: Sequence[int]  # of the server under test
    worker_pids: Sequence[int] = field(default=())  # of what makes the tokens behind it
    worker_port: int = 0  # where that takes plain calls; 0 if nobody needs to know


class Peer(Protocol):
    """One server under test."""

    name: str
    what: str  # one line for the report: what it is, and how it was set up

    def running(self, load: Load) -> AbstractContextManager[Running]:
        """Start it (and a worker behind it), wait until it is ready, and stop it at the end.

        Raises:
            Unavailable: It can not run here.
        """
