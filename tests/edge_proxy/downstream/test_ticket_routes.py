import json
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from edge_proxy.downstream.ticket_routes import PATH, add_ticket_routes
from tests.edge_proxy.asgi import Client

ALICE = Caller(key_id="1", owner="alice")


async def ask(issue: Any) -> Client:
    api = FastAPI()
    add_problem_handlers(api)
    add_ticket_routes(api, issue=issue, life_s=60.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["caller"] = ALICE
        await api(scope, receive, send)

    return await Client(RequestIdMiddleware(app), "POST", PATH).response()


async def test_a_ticket_is_given_to_who_asks_and_kept_by_no_cache() -> None:
    async def issue(caller: Caller) -> str:
        return f"for {caller.owner}"

    client = await ask(issue)
    assert client.status == 201
    assert json.loads(client.body) == {"ticket": "for alice", "expiresInSeconds": 60}
    assert client.headers["cache-control"] == "no-store"


async def test_a_refusal_is_a_status() -> None:
    async def issue(caller: Caller) -> str:
        raise Refused(Failure(Code.OVERLOADED))

    assert (await ask(issue)).status == 429


async def test_where_tickets_would_be_good_by_chance_only_there_are_none() -> None:
    assert (await ask(None)).status == 501


def test_that_there_are_too_many_is_documented() -> None:
    api = FastAPI()
    add_ticket_routes(api, issue=None, life_s=60.0)
    assert {"201", "429", "501"} <= set(api.openapi()["paths"][PATH]["post"]["responses"])
