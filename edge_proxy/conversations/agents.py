"""Agents in the database. To who is not its owner there is none."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from edge_proxy.conversations.records import Agent, Stats
from edge_proxy.conversations.tables import ID, agents, sessions
from edge_proxy.core.errors import Code, Failure, Refused

COLUMNS = [column for column in agents.c if column.name not in ("number", "owner")]


def add(connection: Connection, owner: str, agent: Agent) -> None:
    """Keep a new one."""
    values = {column.name: getattr(agent, column.name) for column in COLUMNS}
    connection.execute(insert(agents).values(owner=owner, **values))


def find(connection: Connection, owner: str, agent_id: str) -> Agent:
    """That agent.

    Raises:
        Refused: NOT_FOUND: the owner has none of that id.
    """
    if not ID.fullmatch(agent_id):  # it may have characters that PostgreSQL takes in no text
        raise missing()
    query = select(*COLUMNS).where(agents.c.id == agent_id, agents.c.owner == owner)
    row = (connection.execute(query)).one_or_none()
    if row is None:
        raise missing()
    return made(row)


def page(connection: Connection, owner: str, *, before: int, limit: int) -> tuple[list[Agent], int]:
    """The owner's agents, newest first, of those made before number `before` (0: all); and where the rest begins.

    That is 0 when there are no more.
    """
    query = select(agents.c.number, *COLUMNS).where(agents.c.owner == owner)
    if before:
        query = query.where(agents.c.number < before)
    rows = (connection.execute(query.order_by(agents.c.number.desc()).limit(limit + 1))).all()
    return [made(row) for row in rows[:limit]], rows[limit - 1].number if len(rows) > limit else 0


def change(connection: Connection, owner: str, agent_id: str, changes: Mapping[str, Any], *, now_s: float) -> Agent:
    """The agent, with these fields changed.

    Raises:
        Refused: NOT_FOUND.
    """
    find(connection, owner, agent_id)
    connection.execute(update(agents).where(agents.c.id == agent_id).values(updated_s=now_s, **changes))
    return find(connection, owner, agent_id)


def remove(connection: Connection, owner: str, agent_id: str) -> None:
    """Forget it, with all its sessions.

    Raises:
        Refused: NOT_FOUND.
    """
    find(connection, owner, agent_id)
    connection.execute(delete(agents).where(agents.c.id == agent_id))


def stats(connection: Connection, owner: str, agent_id: str) -> Stats:
    """What its sessions come to.

    Raises:
        Refused: NOT_FOUND.
    """
    find(connection, owner, agent_id)
    counts = (
        func.count(),
        func.coalesce(func.sum(sessions.c.messages), 0),
        func.coalesce(func.sum(sessions.c.tokens), 0),
    )
    row = (connection.execute(select(*counts).where(sessions.c.agent_id == agent_id))).one()
    return Stats(sessions=row[0], messages=int(row[1]), tokens=int(row[2]))


def made(row: Row[Any]) -> Agent:
    """The agent of a row."""
    return Agent(**{column.name: getattr(row, column.name) for column in COLUMNS})


def missing() -> Refused:
    """The same for another's as for one that never was."""
    return Refused(Failure(Code.NOT_FOUND, "There is no such agent."))
