"""Agents over HTTP: made, read, changed, deleted, and counted."""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from edge_proxy.conversations import spelled
from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.documented import AGENTS, AN_AGENT, NOTHING, STATS, documented
from edge_proxy.conversations.records import Agent
from edge_proxy.dialects.agent_request import AgentBody, AgentChange, PageQuery, parse_agent, parse_change, parse_page
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.body import read_json, read_query

PATH = "/api/agents"
ONE = PATH + "/{agent_id}"


def add_agent_routes(app: FastAPI, archive: Archive, *, max_body_bytes: int) -> None:
    """Have the app answer them from this archive."""

    async def read(request: Request) -> dict[str, Any]:
        return await read_json(request, max_bytes=max_body_bytes)

    _add_writing(app, archive, read)
    _add_reading(app, archive)


def _add_writing(app: FastAPI, archive: Archive, read: Callable[[Request], Awaitable[dict[str, Any]]]) -> None:
    @app.post(PATH, status_code=201, **documented({201: AN_AGENT}, AgentBody))
    async def add_agent(request: Request) -> JSONResponse:
        """Make an agent."""
        now_s, fields = time.time(), parse_agent(await read(request))
        made = Agent(id=f"agent_{secrets.token_hex(12)}", created_s=now_s, updated_s=now_s, **fields)
        await (await archive.store()).add_agent(caller_of(request).owner, made)
        return JSONResponse(spelled.agent(made), 201, {"location": f"{PATH}/{made.id}"})

    @app.patch(ONE, **documented({200: AN_AGENT}, AgentChange))
    async def change_agent(agent_id: str, request: Request) -> JSONResponse:
        """Change an agent: what the body names. Sessions go on with it as it is now."""
        changes = parse_change(await read(request))
        store = await archive.store()
        return JSONResponse(spelled.agent(await store.change_agent(caller_of(request).owner, agent_id, changes)))

    @app.delete(ONE, status_code=204, response_class=Response, **documented({204: NOTHING}))
    async def delete_agent(agent_id: str, request: Request) -> Response:
        """Delete an agent, with its sessions."""
        await (await archive.store()).remove_agent(caller_of(request).owner, agent_id)
        return Response(status_code=204)


def _add_reading(app: FastAPI, archive: Archive) -> None:
    @app.get(PATH, **documented({200: AGENTS}, query=PageQuery))
    async def list_agents(request: Request) -> JSONResponse:
        """Your agents, newest first."""
        page = parse_page(read_query(request))
        store, owner = await archive.store(), caller_of(request).owner
        found, rest = await store.agents(owner, before=page.before, limit=page.limit)
        return JSONResponse({"agents": [spelled.agent(each) for each in found], "next": rest or None})

    @app.get(ONE, **documented({200: AN_AGENT}))
    async def get_agent(agent_id: str, request: Request) -> JSONResponse:
        """One agent."""
        return JSONResponse(spelled.agent(await (await archive.store()).agent(caller_of(request).owner, agent_id)))

    @app.get(ONE + "/stats", **documented({200: STATS}))
    async def get_stats(agent_id: str, request: Request) -> JSONResponse:
        """How many sessions an agent has, and messages and tokens in them."""
        found = await (await archive.store()).stats(caller_of(request).owner, agent_id)
        return JSONResponse(spelled.stats(agent_id, found))
