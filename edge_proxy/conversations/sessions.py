"""Sessions and their messages in the database. To who does not own its agent a session is none."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from edge_proxy.conversations.ending import shown
from edge_proxy.conversations.records import Agent, Message, Session, State
from edge_proxy.conversations.tables import ID, agents, messages, sessions
from edge_proxy.core.errors import Code, Failure, Refused

COLUMNS = [column for column in sessions.c if column.name != "number"]
MESSAGE_COLUMNS = [column for column in messages.c if column.name not in ("number", "session_id")]


def add(connection: Connection, agent: Agent, session: Session, *, greeting_id: str) -> Session:
    """Keep a new one, which begins with the agent's greeting."""
    greeted = bool(agent.greeting)
    values = {column.name: getattr(session, column.name) for column in COLUMNS} | {"messages": int(greeted)}
    connection.execute(insert(sessions).values(values))
    if greeted:
        message = Message(
            id=greeting_id, position=0, role="assistant", text=agent.greeting, created_s=session.created_s
        )
        connection.execute(insert(messages).values(row(session.id, message)))
    return Session(**values)


def find(connection: Connection, owner: str, session_id: str, *, lock: bool = False) -> Session:
    """That session; with `lock`, no other transaction gets it so until this one ends.

    Raises:
        Refused: NOT_FOUND: the owner has none of that id.
    """
    if not ID.fullmatch(session_id):
        raise missing()
    query = _owned(owner).where(sessions.c.id == session_id)
    if lock:
        query = query.with_for_update(of=sessions)  # SQLite has no such words, and one writer
    found = (connection.execute(query)).one_or_none()
    if found is None:
        raise missing()
    return _made(found)


def page(connection: Connection, owner: str, agent_id: str, *, before: int, limit: int) -> tuple[list[Session], int]:
    """An agent's sessions, newest first, of those made before number `before` (0: all); and where the rest begins.

    That is 0 when there are no more.
    """
    query = _owned(owner, sessions.c.number).where(sessions.c.agent_id == agent_id)
    if before:
        query = query.where(sessions.c.number < before)
    rows = (connection.execute(query.order_by(sessions.c.number.desc()).limit(limit + 1))).all()
    return [_made(row) for row in rows[:limit]], rows[limit - 1].number if len(rows) > limit else 0


def change(connection: Connection, owner: str, session_id: str, changes: Mapping[str, Any]) -> Session:
    """The session, with these fields changed.

    Raises:
        Refused: NOT_FOUND.
    """
    find(connection, owner, session_id)
    if changes:
        connection.execute(update(sessions).where(sessions.c.id == session_id).values(**changes))
    return find(connection, owner, session_id)


def remove(connection: Connection, owner: str, session_id: str) -> None:
    """Forget it, with all its messages.

    Raises:
        Refused: NOT_FOUND.
    """
    find(connection, owner, session_id)
    connection.execute(delete(sessions).where(sessions.c.id == session_id))


def read(
    connection: Connection, session_id: str, *, after: int, limit: int, now_s: float
) -> tuple[list[Message], bool]:
    """Its messages behind position `after`, oldest first; and whether there are more."""
    query = select(*MESSAGE_COLUMNS).where(messages.c.session_id == session_id, messages.c.position > after)
    rows = (connection.execute(query.order_by(messages.c.position).limit(limit + 1))).all()
    return [message(row, now_s=now_s) for row in rows[:limit]], len(rows) > limit


def row(session_id: str, message: Message, *, until_s: float = 0.0) -> dict[str, Any]:
    """What is kept of a message."""
    kept = {column.name: getattr(message, column.name) for column in MESSAGE_COLUMNS if column.name != "until_s"}
    return kept | {"session_id": session_id, "until_s": until_s, "generation_id": message.generation_id or None}


def message(row: Row[Any], *, now_s: float) -> Message:
    """The message of a row, as of now."""
    kept = {column.name: getattr(row, column.name) for column in MESSAGE_COLUMNS if column.name != "until_s"}
    state = shown(State(row.state), until_s=row.until_s, now_s=now_s)
    return Message(**kept | {"state": state, "generation_id": row.generation_id or ""})


def missing() -> Refused:
    """The same for another's as for one that never was."""
    return Refused(Failure(Code.NOT_FOUND, "There is no such session."))


def _owned(owner: str, *more: Any) -> Select[Any]:
    return select(*COLUMNS, *more).join(agents, agents.c.id == sessions.c.agent_id).where(agents.c.owner == owner)


def _made(row: Row[Any]) -> Session:
    return Session(**{column.name: getattr(row, column.name) for column in COLUMNS})
