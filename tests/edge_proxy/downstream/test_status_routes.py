import json

from fastapi import FastAPI

from edge_proxy.downstream.status_routes import add_status_routes
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.core.test_status import status


async def test_the_status_is_json_as_of_now_and_is_not_kept() -> None:
    app, asked = FastAPI(), iter([status("connected"), status("lost")])
    add_status_routes(app, status=lambda: next(asked))
    for expected in ("ready", "no worker"):
        client = await Client(app, "GET", "/status.json").response()
        assert (client.status, json.loads(client.body)["status"]) == (200, expected)
        assert client.headers["cache-control"] == "no-store"
