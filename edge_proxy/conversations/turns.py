"""Turns in the database: what a user says, and one row for the reply, from its beginning on.

    begin()    in one transaction: the session if it is new, what was said, a reply that runs
    link()     by which generation it is written, so that who comes back to that finds it
    renew()    it still runs
    keep()     how it ended: once, or again where there is more of it than before (`ending.py`)
    discard()  no worker has taken it on: nothing has happened

A session has one reply that runs at most. Who writes it says every few seconds that it does; when nobody has for a
while, because an edge has died, it counts as interrupted.
"""

from collections.abc import Collection

from sqlalchemy import Connection, Row, delete, insert, select, update

from edge_proxy.conversations import agents as agent_rows
from edge_proxy.conversations import sessions as session_rows
from edge_proxy.conversations.ending import replaces
from edge_proxy.conversations.records import Asked, Begun, Known, Message, Reply, Session, State
from edge_proxy.conversations.tables import agents, messages, sessions
from edge_proxy.core.errors import Code, Failure, Refused

LEASE_S = 15.0  # a reply runs for so long without a word of who writes it; clocks of edges may differ by less
REMEMBERED = 200  # messages that a model can get at most
TITLE_CHARS = 60
DELETED = Failure(Code.NOT_STORED, "The session has been deleted: the reply could not be stored.")


def begin(connection: Connection, asked: Asked, *, now_s: float) -> Begun:
    """Keep what was said, and a reply that runs.

    Raises:
        Refused: NOT_FOUND (the agent or the session), or CONFLICT: another reply runs in the session.
    """
    agent = agent_rows.find(connection, asked.owner, asked.agent_id)
    if asked.new:
        title = " ".join(asked.text.split())[:TITLE_CHARS]
        session = Session(id=asked.session_id, agent_id=agent.id, title=title, created_s=now_s, updated_s=now_s)
        session = session_rows.add(connection, agent, session, greeting_id=f"{asked.message_id}_greeting")
    else:
        session = session_rows.find(connection, asked.owner, asked.session_id, lock=True)
        if session.agent_id != agent.id:
            raise session_rows.missing()
        _make_way(connection, session.id, now_s=now_s)
    earlier = _earlier(connection, session.id, now_s=now_s)
    position = earlier[-1].position + 1 if earlier else 0
    said = Message(id=asked.message_id, position=position, role="user", text=asked.text, created_s=now_s)
    reply = Message(
        id=asked.reply_id, position=position + 1, role="assistant", text="", state=State.RUNNING, created_s=now_s
    )
    until_s = now_s + LEASE_S
    rows = [session_rows.row(session.id, said), session_rows.row(session.id, reply, until_s=until_s)]
    connection.execute(insert(messages), rows)
    _count(connection, session.id, messages_more=1, now_s=now_s)
    return Begun(agent=agent, session=session, earlier=tuple(earlier))


def link(connection: Connection, reply_id: str, generation_id: str) -> None:
    """Note by which generation a reply is written."""
    one = update(messages).where(messages.c.id == reply_id, messages.c.generation_id.is_(None))
    connection.execute(one.values(generation_id=generation_id))


def renew(connection: Connection, reply_ids: Collection[str], *, now_s: float) -> None:
    """These replies still run."""
    running = update(messages).where(messages.c.id.in_(reply_ids), messages.c.state == State.RUNNING)
    connection.execute(running.values(until_s=now_s + LEASE_S))


def known(connection: Connection, owner: str, agent_id: str, generation_id: str) -> Known:
    """The turn that this generation writes the reply of.

    Raises:
        Refused: NOT_FOUND: the owner's agent has none.
    """
    query = (
        select(messages.c.id, messages.c.session_id, messages.c.position, agents.c.model)
        .join(sessions, sessions.c.id == messages.c.session_id)
        .join(agents, agents.c.id == sessions.c.agent_id)
        .where(messages.c.generation_id == generation_id, agents.c.id == agent_id, agents.c.owner == owner)
    )
    row = (connection.execute(query)).one_or_none()
    if row is None:
        raise Refused(Failure(Code.NOT_FOUND, "There is no such generation."))
    session = session_rows.find(connection, owner, row.session_id)
    asked = select(messages.c.id).where(
        messages.c.session_id == row.session_id, messages.c.position == row.position - 1
    )
    message_id = (connection.execute(asked)).scalar_one()
    return Known(session=session, message_id=message_id, reply_id=row.id, model=row.model)


def keep(connection: Connection, reply_id: str, reply: Reply, *, now_s: float) -> None:
    """Keep how a reply ended, unless it is known better.

    Raises:
        Refused: NOT_STORED: its session has been deleted.
    """
    of = (connection.execute(select(messages.c.session_id).where(messages.c.id == reply_id))).scalar_one_or_none()
    # First the session, as where a turn begins: two that lock in different orders wait for each other.
    connection.execute(select(sessions.c.id).where(sessions.c.id == of).with_for_update())
    row = (connection.execute(select(messages).where(messages.c.id == reply_id))).one_or_none()
    if row is None:
        raise Refused(DELETED)
    state = State(row.state)
    if not replaces(reply, state=state, text=row.text):
        return
    values = {name: getattr(reply, name) for name in ("state", "text", "finish_reason", "error_code")}
    counts = {name: getattr(reply, name) for name in ("prompt_tokens", "completion_tokens")}
    generation = {"generation_id": reply.generation_id} if reply.generation_id else {}
    connection.execute(update(messages).where(messages.c.id == reply_id).values(values | counts | generation))
    more = sum(counts.values()) - row.prompt_tokens - row.completion_tokens
    _count(connection, row.session_id, messages_more=int(state is State.RUNNING), tokens_more=more, now_s=now_s)


def discard(connection: Connection, asked: Asked, *, now_s: float) -> None:
    """Forget a turn whose reply has not begun, and its session, if that was made for it."""
    if asked.new:
        connection.execute(delete(sessions).where(sessions.c.id == asked.session_id))
        return
    both = messages.c.id.in_([asked.message_id, asked.reply_id])
    if (connection.execute(delete(messages).where(both))).rowcount:
        _count(connection, asked.session_id, messages_more=-1, now_s=now_s)


def _make_way(connection: Connection, session_id: str, *, now_s: float) -> None:
    """See that no reply runs: one that is given up is interrupted, for good.

    Raises:
        Refused: CONFLICT: one does.
    """
    query = select(messages).where(messages.c.session_id == session_id, messages.c.state == State.RUNNING)
    for row in (connection.execute(query)).all():
        if row.until_s >= now_s:
            raise Refused(Failure(Code.CONFLICT, "Another reply is being written in this session."))
        _interrupt(connection, session_id, row, now_s=now_s)


def _interrupt(connection: Connection, session_id: str, row: Row[tuple[object, ...]], *, now_s: float) -> None:
    one = update(messages).where(messages.c.id == row.id)
    connection.execute(one.values(state=State.INTERRUPTED, error_code=Code.CANCELLED))
    _count(connection, session_id, messages_more=1, now_s=now_s)


def _earlier(connection: Connection, session_id: str, *, now_s: float) -> list[Message]:
    query = select(messages).where(messages.c.session_id == session_id)
    rows = (connection.execute(query.order_by(messages.c.position.desc()).limit(REMEMBERED))).all()
    return [session_rows.message(row, now_s=now_s) for row in reversed(rows)]


def _count(
    connection: Connection, session_id: str, *, messages_more: int = 0, tokens_more: int = 0, now_s: float
) -> None:
    one = update(sessions).where(sessions.c.id == session_id)
    counts = {"messages": sessions.c.messages + messages_more, "tokens": sessions.c.tokens + tokens_more}
    connection.execute(one.values(updated_s=now_s, **counts))
