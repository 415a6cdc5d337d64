"""The short way in answers as the long one does."""

import logging

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from edge_proxy.downstream.shortcut import with_shortcut


def make_api() -> FastAPI:
    api = FastAPI()
    add_problem_handlers(api)

    @api.post("/short")
    @api.get("/short")
    async def short(request: Request) -> Response:
        match request.query_params.get("do"):
            case "refuse":
                raise Refused(Failure(Code.OVERLOADED))
            case "break":
                raise RuntimeError("as foreseen by nobody")
        return Response(f"{request.method} {await request.body()!r} {'router' in request.scope}")

    @api.get("/of/{name}")
    async def with_a_name(name: str) -> Response:
        return Response(name)

    return api


async def ask(*, shortcut: bool, method: str, path: str) -> httpx.Response:
    api = make_api()
    app = RequestIdMiddleware(with_shortcut(api) if shortcut else api)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.request(method, path, content=b"body", headers={"x-request-id": "r1"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/short?do=refuse", 429),
        ("POST", "/short?do=break", 500),
        ("DELETE", "/short", 405),
        ("GET", "/short/", 307),
        ("GET", "/of/me", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_both_ways_answer_alike(method: str, path: str, status: int) -> None:
    short, long = [await ask(shortcut=way, method=method, path=path) for way in (True, False)]
    assert short.status_code == status
    assert (short.status_code, short.content, short.headers) == (long.status_code, long.content, long.headers)


async def test_the_short_way_is_taken() -> None:
    short, long = [await ask(shortcut=way, method="POST", path="/short") for way in (True, False)]
    assert short.text == "POST b'body' False"
    assert long.text == "POST b'body' True"


async def test_what_nobody_has_foreseen_is_told_to_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    app = with_shortcut(make_api())
    transport = httpx.ASGITransport(RequestIdMiddleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        with pytest.raises(RuntimeError, match="foreseen"):
            await client.get("/short?do=break")
