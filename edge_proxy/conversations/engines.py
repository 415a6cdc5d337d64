"""What runs transactions: on a SQLite file, or on a PostgreSQL server, by an address as people write it.

    SQLite       a whole transaction in a thread: to go there and back takes longer than its statements do
    PostgreSQL   on the event loop: its statements wait for a network

What a transaction does is written once, for both: a function of SQLAlchemy's plain connection.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from edge_proxy.conversations.gate import Gate

T = TypeVar("T")
Work = Callable[[Connection], T]

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
BUSY_S = 5.0  # other processes write to the file: each takes milliseconds, but whose turn it is, is luck
READERS = 4  # threads of one process that read the file; one more writes
CONNECTIONS = 8  # of one process to a server; PostgreSQL has 100 for all, as it comes
CONNECT_S, COMMAND_S = 3.0, 10.0  # PostgreSQL may take; after that the connection is given up
WRITING = "writes"  # the option of a connection whose transaction writes

PRAGMAS = (
    "PRAGMA journal_mode=WAL",  # who reads does not wait for who writes
    "PRAGMA synchronous=FULL",  # a commit is on the disk: a client has been told so
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={round(BUSY_S * 1000)}",
)


class Runner(Protocol):
    """Runs transactions."""

    async def transact(
        self, work: Work[T], *, writes: bool, urgent: bool = False, check: Callable[[], None] = lambda: None
    ) -> T:
        """What `work` gives back: all that it did is kept, unless it raises.

        Args:
            work: What to do; it may run in another thread.
            writes: It changes something.
            urgent: It goes before others that wait.
            check: Raises if nobody wants it any more; called before the work, and before what it did is kept.
        """

    async def close(self) -> None:
        """Disconnect."""


class File:
    """A SQLite file. It has one writer: those of this process queue here, in order, and not at the file."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, pool_size=READERS + 1, max_overflow=0)
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-writer")
        self._gate = Gate(1)

    async def transact(
        self, work: Work[T], *, writes: bool, urgent: bool = False, check: Callable[[], None] = lambda: None
    ) -> T:
        """See `Runner`."""

        def run() -> T:
            with self._engine.connect() as connection:
                connection.execution_options(**{WRITING: writes})
                with connection.begin():
                    check()  # for whom it may have waited long
                    result = work(connection)
                    check()
                return result

        loop = asyncio.get_running_loop()
        if not writes:
            return await loop.run_in_executor(self._readers, run)
        await self._gate.enter(urgent=urgent)
        try:
            return await loop.run_in_executor(self._writer, run)
        finally:
            self._gate.leave()

    async def close(self) -> None:
        """See `Runner`."""
        for threads in (self._readers, self._writer):
            threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


class Server:
    """A PostgreSQL server."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,  # a server that was started again has forgotten all connections
            connect_args={"timeout": CONNECT_S, "command_timeout": COMMAND_S},
        )
        self._gate = Gate(CONNECTIONS)

    async def transact(
        self, work: Work[T], *, writes: bool, urgent: bool = False, check: Callable[[], None] = lambda: None
    ) -> T:
        """See `Runner`."""
        await self._gate.enter(urgent=urgent)
        try:
            check()
            async with self._engine.connect() as connection, connection.begin():
                result = await connection.run_sync(work)
                check()
        finally:
            self._gate.leave()
        return result

    async def close(self) -> None:
        """See `Runner`."""
        with contextlib.suppress(OSError):  # it may be gone
            await self._engine.dispose()


def parse(text: str) -> URL:
    """The address, with the driver that is used here.

    Raises:
        ValueError: It is no address of a database that can be used.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("it is no address such as sqlite:///file.db or postgresql://user@host/name") from None
    driver = DRIVERS.get(url.drivername)
    if driver is None or (driver == "sqlite" and url.database in (None, "", ":memory:")):
        raise ValueError("it begins with none of sqlite:///path, postgresql://, or its file has no name")
    url = url.set(drivername=driver)
    mode = url.query.get("sslmode")  # as libpq calls it
    if mode:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def runner(url: URL) -> Runner:
    """What runs transactions there; nothing is connected yet."""
    return File(url) if url.drivername == "sqlite" else Server(url)


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say: Python's module would do it at the first write
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    # At once for who will write: a transaction that has read can not always become one that writes.
    writes = connection.get_execution_options().get(WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
