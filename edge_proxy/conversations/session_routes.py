"""Sessions over HTTP: begun, listed, read with their messages, changed, deleted."""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from edge_proxy.conversations import spelled
from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.documented import A_CONVERSATION, A_SESSION, NOTHING, SESSIONS, documented
from edge_proxy.conversations.records import Session
from edge_proxy.dialects.agent_request import (
    MessagesQuery,
    PageQuery,
    SessionBody,
    parse_messages_page,
    parse_page,
    parse_session,
)
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.body import read_json, read_query

OF_AN_AGENT = "/api/agents/{agent_id}/sessions"
ONE = "/api/sessions/{session_id}"


def add_session_routes(app: FastAPI, archive: Archive, *, max_body_bytes: int) -> None:
    """Have the app answer them from this archive."""

    async def read(request: Request) -> dict[str, Any]:
        return parse_session(await read_json(request, max_bytes=max_body_bytes))

    _add_writing(app, archive, read)
    _add_reading(app, archive)


def _add_writing(app: FastAPI, archive: Archive, read: Callable[[Request], Awaitable[dict[str, Any]]]) -> None:
    @app.post(OF_AN_AGENT, status_code=201, **documented({201: A_SESSION}, SessionBody))
    async def add_session(agent_id: str, request: Request) -> JSONResponse:
        """Begin a session. A turn that names none begins one, too."""
        now_s, given = time.time(), await read(request)
        new_id = f"session_{secrets.token_hex(12)}"
        made = Session(id=new_id, agent_id=agent_id, created_s=now_s, updated_s=now_s, **given)
        kept = await (await archive.store()).add_session(caller_of(request).owner, made)
        return JSONResponse(spelled.session(kept), 201, {"location": f"/api/sessions/{kept.id}"})

    @app.patch(ONE, **documented({200: A_SESSION}, SessionBody))
    async def change_session(session_id: str, request: Request) -> JSONResponse:
        """Change a session: its title, or whether its replies are streamed."""
        changes = await read(request)
        store, owner = await archive.store(), caller_of(request).owner
        return JSONResponse(spelled.session(await store.change_session(owner, session_id, changes)))

    @app.delete(ONE, status_code=204, response_class=Response, **documented({204: NOTHING}))
    async def delete_session(session_id: str, request: Request) -> Response:
        """Delete a session, with its messages."""
        await (await archive.store()).remove_session(caller_of(request).owner, session_id)
        return Response(status_code=204)


def _add_reading(app: FastAPI, archive: Archive) -> None:
    @app.get(OF_AN_AGENT, **documented({200: SESSIONS}, query=PageQuery))
    async def list_sessions(agent_id: str, request: Request) -> JSONResponse:
        """An agent's sessions, newest first."""
        page = parse_page(read_query(request))
        store, owner = await archive.store(), caller_of(request).owner
        found, rest = await store.sessions(owner, agent_id, before=page.before, limit=page.limit)
        return JSONResponse({"sessions": [spelled.session(each) for each in found], "next": rest or None})

    @app.get(ONE, **documented({200: A_CONVERSATION}, query=MessagesQuery))
    async def get_session(session_id: str, request: Request) -> JSONResponse:
        """A session, with its messages, oldest first."""
        page = parse_messages_page(read_query(request))
        store, owner = await archive.store(), caller_of(request).owner
        session, messages, more = await store.session(owner, session_id, after=page.after, limit=page.limit)
        listed = [spelled.message(each) for each in messages]
        rest = messages[-1].position if more else None
        return JSONResponse(spelled.session(session) | {"messages": listed, "next": rest})
