"""An edge with a database before a scripted worker, and a client that has conversations."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.edge_proxy.asgi import Client
from tests.edge_proxy.test_app import JSON, Site, site
from tests.edge_proxy.upstream.readers import eventually

QUICK = {"tokens_per_second": "0", "tokens": "5"}


class Talking:
    """What one caller does."""

    def __init__(self, here: Site, key: str = "") -> None:
        self.here = here
        self._headers = JSON | ({"authorization": f"Bearer {key}"} if key else {})

    def ask(self, method: str, path: str, body: Any = None, *, query: str = "", **headers: str) -> Client:
        """Ask, without waiting for the answer."""
        data = [] if body is None else [json.dumps(body).encode()]
        return Client(self.here.edge.app, method, path, query=query, headers=self._headers | headers, body=data)

    async def do(self, method: str, path: str, body: Any = None, *, query: str = "") -> tuple[int, Any]:
        """The status, and the body read as JSON."""
        client = await self.ask(method, path, body, query=query).response()
        return client.status or 0, json.loads(client.body) if client.body else None

    async def agent(self, **fields: Any) -> str:
        """The id of a new agent, that answers quickly unless told otherwise."""
        status, made = await self.do("POST", "/api/agents", {"name": "Owl", "engine_options": QUICK} | fields)
        assert status == 201, made
        return str(made["id"])

    def say(self, agent: str, message: str = "Hello?", session: str | None = None, **fields: Any) -> Client:
        """A turn, streamed."""
        body = {"message": message, "session_id": session} | fields
        return self.ask("POST", f"/api/agents/{agent}/chat/stream", body)

    async def turn(self, agent: str, message: str = "Hello?", session: str | None = None) -> dict[str, Any]:
        """The object that a turn ends with, in one piece."""
        body = {"message": message, "session_id": session}
        status, done = await self.do("POST", f"/api/agents/{agent}/chat", body)
        assert status == 200, done
        ended: dict[str, Any] = done
        return ended

    async def messages(self, session: str) -> list[dict[str, Any]]:
        """A session's."""
        status, found = await self.do("GET", f"/api/sessions/{session}")
        assert status == 200, found
        listed: list[dict[str, Any]] = found["messages"]
        return listed

    async def reply(self, session: str) -> dict[str, Any]:
        """The last of them, once it does not run any more."""
        last: dict[str, Any] = {"state": "running"}

        async def over() -> bool:
            last.update((await self.messages(session))[-1])
            return bool(last["state"] != "running")

        for _ in range(500):
            if await over():
                return last
        raise AssertionError("it does not end")


def events(client: Client) -> list[dict[str, Any]]:
    """What a stream has said so far."""
    return [json.loads(message.data) for message in client.stream.messages]


async def begun(client: Client) -> str:
    """The session of a stream, once it says something."""
    await eventually(lambda: client.stream.messages)
    return str(events(client)[0]["session_id"])


@contextlib.asynccontextmanager
async def talking(folder: Path, **settings: Any) -> AsyncIterator[Talking]:
    """An edge whose file is in that folder."""
    given: dict[str, Any] = {"database_url": f"sqlite:///{folder}/relay.db", "database_timeout_s": 10} | settings
    async with site(**given) as here:
        yield Talking(here)
