"""A client of conversations, over sockets; and a look into their database that shares no code with the product."""

import json
import sqlite3
from typing import Any, NamedTuple

import asyncpg

from tests.support.http import Exchange
from tests.support.sse import Event

COUNTS = """
SELECT (SELECT count(*) FROM sessions), count(*), coalesce(sum(prompt_tokens + completion_tokens), 0)
FROM messages WHERE state <> 'running'
"""
ROWS = "SELECT id, session_id, position, role, state, text FROM messages ORDER BY session_id, position"
QUICK = {"tokens": "5", "tokens_per_second": "0"}


class Row(NamedTuple):
    """A message as it is kept."""

    id: str
    session_id: str
    position: int
    role: str
    state: str
    text: str


async def call(edge: str, method: str, path: str, body: Any = None, *, key: str = "") -> tuple[int, Any]:
    """The status of a response, and its body read as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Content-Type: application/json"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    exchange = await Exchange.send(edge, "\n".join(lines), b"" if body is None else json.dumps(body).encode())
    try:
        await exchange.read_head()
        return exchange.status, None if exchange.status == 204 else json.loads(await exchange.body())
    finally:
        exchange.close()


async def new_agent(edge: str, **fields: Any) -> str:
    """The id of a new agent, which answers quickly unless told otherwise."""
    status, made = await call(edge, "POST", "/api/agents", {"name": "Owl", "engine_options": QUICK} | fields)
    assert status == 201, made
    return str(made["id"])


async def say(edge: str, agent: str, message: str, session: str | None = None, **fields: Any) -> Exchange:
    """A turn, streamed: its response, of which the head has been read."""
    head = f"POST /api/agents/{agent}/chat/stream HTTP/1.1\nContent-Type: application/json"
    body = {"message": message, "session_id": session} | fields
    return await answered(await Exchange.send(edge, head, json.dumps(body).encode()))


async def come_back(edge: str, agent: str, last_event_id: str) -> Exchange:
    """The rest of a turn, from that event on."""
    head = f"POST /api/agents/{agent}/chat/stream HTTP/1.1\nLast-Event-ID: {last_event_id}"
    return await answered(await Exchange.send(edge, head))


async def answered(exchange: Exchange) -> Exchange:
    """Itself, when its head has been read; closed, if that never comes."""
    try:
        await exchange.read_head()
    except BaseException:
        exchange.close()
        raise
    return exchange


async def turn(edge: str, agent: str, message: str, session: str | None = None) -> dict[str, Any]:
    """A turn that ends well, in one piece."""
    status, done = await call(edge, "POST", f"/api/agents/{agent}/chat", {"message": message, "session_id": session})
    assert status == 200, done
    ended: dict[str, Any] = done
    return ended


async def messages(edge: str, session: str) -> list[dict[str, Any]]:
    """A session's."""
    status, found = await call(edge, "GET", f"/api/sessions/{session}")
    assert status == 200, found
    listed: list[dict[str, Any]] = found["messages"]
    return listed


def text(events: list[Event]) -> str:
    """What the events say."""
    return "".join(event.json["content"] or "" for event in events)


async def recount(url: str) -> tuple[int, int, int]:
    """Sessions, messages and tokens, counted from the rows of messages."""
    (row,) = await rows(url, COUNTS)
    return row[0], row[1], int(row[2])


async def kept(url: str) -> list[Row]:
    """All messages."""
    return [Row(*row) for row in await rows(url, ROWS)]


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    server = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await server.fetch(query)]
    finally:
        await server.close()
