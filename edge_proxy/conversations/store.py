"""All that is asked of the database, by name, each within its time."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from edge_proxy.conversations import agents, sessions, turns
from edge_proxy.conversations.database import Database, brief
from edge_proxy.conversations.engines import parse, runner
from edge_proxy.conversations.migrating import Unknown, upgrade
from edge_proxy.conversations.patience import Limits, Unusable
from edge_proxy.conversations.records import Agent, Asked, Begun, Known, Message, Reply, Session, Stats
from edge_proxy.core.errors import Code, Failure, Refused

LEASE_S = turns.LEASE_S


class Store:
    """Every method raises Refused: what its work refuses, or DATABASE_UNAVAILABLE.

    Args:
        database: Where all is kept.
        limits: How long it may take.
        unix_s: The time of day.
    """

    def __init__(self, database: Database, limits: Limits, *, unix_s: Callable[[], float] = time.time) -> None:
        self._database = database
        self._limits = limits
        self._unix_s = unix_s

    @property
    def troubled(self) -> bool:
        """What was asked last could not be done."""
        return self._database.troubled

    async def close(self) -> None:
        """Disconnect."""
        await self._database.close()

    async def add_agent(self, owner: str, agent: Agent) -> None:
        """Keep a new agent."""
        await self._database.write(lambda c: agents.add(c, owner, agent), limit_s=self._limits.ask_s)

    async def agent(self, owner: str, agent_id: str) -> Agent:
        """One agent."""
        return await self._database.read(lambda c: agents.find(c, owner, agent_id), limit_s=self._limits.ask_s)

    async def agents(self, owner: str, *, before: int, limit: int) -> tuple[list[Agent], int]:
        """A page of them."""
        return await self._database.read(
            lambda c: agents.page(c, owner, before=before, limit=limit), limit_s=self._limits.ask_s
        )

    async def change_agent(self, owner: str, agent_id: str, changes: Mapping[str, Any]) -> Agent:
        """Change fields of one."""
        return await self._database.write(
            lambda c: agents.change(c, owner, agent_id, changes, now_s=self._unix_s()), limit_s=self._limits.ask_s
        )

    async def remove_agent(self, owner: str, agent_id: str) -> None:
        """Forget one, with its sessions."""
        await self._database.write(lambda c: agents.remove(c, owner, agent_id), limit_s=self._limits.ask_s)

    async def stats(self, owner: str, agent_id: str) -> Stats:
        """What its sessions come to."""
        return await self._database.read(lambda c: agents.stats(c, owner, agent_id), limit_s=self._limits.ask_s)

    async def add_session(self, owner: str, session: Session) -> Session:
        """Keep a new session of one of the owner's agents."""

        def add(connection: Connection) -> Session:
            agent = agents.find(connection, owner, session.agent_id)
            return sessions.add(connection, agent, session, greeting_id=f"{session.id}_greeting")

        return await self._database.write(add, limit_s=self._limits.ask_s)

    async def sessions(self, owner: str, agent_id: str, *, before: int, limit: int) -> tuple[list[Session], int]:
        """A page of an agent's."""

        def page(connection: Connection) -> tuple[list[Session], int]:
            agents.find(connection, owner, agent_id)
            return sessions.page(connection, owner, agent_id, before=before, limit=limit)

        return await self._database.read(page, limit_s=self._limits.ask_s)

    async def session(
        self, owner: str, session_id: str, *, after: int, limit: int
    ) -> tuple[Session, list[Message], bool]:
        """One, a page of its messages, and whether there are more."""

        def read(connection: Connection) -> tuple[Session, list[Message], bool]:
            session = sessions.find(connection, owner, session_id)
            page = sessions.read(connection, session_id, after=after, limit=limit, now_s=self._unix_s())
            return session, *page

        return await self._database.read(read, limit_s=self._limits.ask_s)

    async def change_session(self, owner: str, session_id: str, changes: Mapping[str, Any]) -> Session:
        """Change fields of one."""
        return await self._database.write(
            lambda c: sessions.change(c, owner, session_id, changes), limit_s=self._limits.ask_s
        )

    async def remove_session(self, owner: str, session_id: str) -> None:
        """Forget one, with its messages."""
        await self._database.write(lambda c: sessions.remove(c, owner, session_id), limit_s=self._limits.ask_s)

    async def begin(self, asked: Asked) -> Begun:
        """Begin a turn."""
        return await self._database.write(
            lambda c: turns.begin(c, asked, now_s=self._unix_s()), limit_s=self._limits.ask_s
        )

    async def known(self, owner: str, agent_id: str, generation_id: str) -> Known:
        """The turn that a generation writes the reply of."""
        return await self._database.read(
            lambda c: turns.known(c, owner, agent_id, generation_id), limit_s=self._limits.ask_s
        )

    async def link(self, reply_id: str, generation_id: str) -> None:
        """Note by which generation a reply is written."""
        await self._database.write(lambda c: turns.link(c, reply_id, generation_id), limit_s=self._limits.keep_s)

    async def renew(self, reply_ids: Collection[str]) -> None:
        """Say that these replies still run."""
        await self._database.write(
            lambda c: turns.renew(c, reply_ids, now_s=self._unix_s()), limit_s=self._limits.keep_s, urgent=True
        )

    async def keep(self, reply_id: str, reply: Reply) -> None:
        """Keep how a reply ended."""
        await self._database.write(
            lambda c: turns.keep(c, reply_id, reply, now_s=self._unix_s()), limit_s=self._limits.keep_s, urgent=True
        )

    async def discard(self, asked: Asked) -> None:
        """Forget a turn that has not begun."""
        await self._database.write(lambda c: turns.discard(c, asked, now_s=self._unix_s()), limit_s=self._limits.keep_s)


async def open_store(url: str, limits: Limits) -> Store:
    """The database at that address, brought to the schema of this edge.

    Raises:
        Unusable: It is none, or a newer one, or is damaged: nothing but a person can help.
        Refused: DATABASE_UNAVAILABLE: it does not answer, or is busy.
    """
    try:
        database = Database(runner(parse(url)))
    except ValueError as error:
        raise Unusable(str(error)) from None
    try:
        await database.attempt(upgrade, writes=True, limit_s=limits.open_s)
    except (Unknown, SQLAlchemyError, OSError) as error:
        await database.close()
        if _is_for_a_person(error):
            raise Unusable(brief(error)) from None
        raise Refused(Failure(Code.DATABASE_UNAVAILABLE, f"The database does not answer: {brief(error)}")) from None
    except BaseException:
        await database.close()
        raise
    return Store(database, limits)


def _is_for_a_person(error: Exception) -> bool:
    if isinstance(error, OperationalError):
        return "unable to open" in str(error)  # its folder is not there, or not ours to write into
    # SQLite says so of a file that is no database, or a damaged one; asyncpg of nearly everything.
    return isinstance(error, Unknown) or (isinstance(error, DatabaseError) and "sqlite3" in str(type(error.orig)))
