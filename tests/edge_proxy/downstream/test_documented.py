from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from edge_proxy.core.errors import Code, Failure
from edge_proxy.downstream.documented import ANYWHERE, BODIES, CONNECTION, STREAMS, add_document, answer, refusals

KEY = {"key": {"type": "http", "scheme": "bearer"}, "ticket": {"type": "apiKey", "in": "query", "name": "ticket"}}


def documented(ways: dict[str, dict[str, str]] | None = None) -> dict[str, Any]:
    """The operations of an app's document, by method and path, beside its components."""
    app = FastAPI()
    add_document(
        app, ways=ways or {}, ticket_paths=("/stream",)
    )  # before the routes: they are read when it is asked for

    @app.get("/healthz", responses={200: answer("It is.", status={"const": "ok"})})
    async def health() -> JSONResponse:
        raise AssertionError

    @app.get("/stream/{name}", responses=refusals(404))
    @app.get("/stream", responses=refusals(400, 503))
    @app.post("/v1/answer", responses=refusals(404, openai=True))
    async def route(name: str) -> JSONResponse:
        raise AssertionError

    assert app.openapi() is app.openapi()
    return app.openapi()


def operation(path: str, method: str = "get", ways: dict[str, dict[str, str]] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = documented(ways)["paths"][path][method]
    return found


def test_every_refusal_but_those_of_the_routing_is_somewhere() -> None:
    all_there_are = {Failure(code).status for code in Code} - {499, 204, 405, 410}  # 204, 410: of who resumes
    assert {*STREAMS, *BODIES, *ANYWHERE} == all_there_are


def test_a_refusal_has_the_codes_of_its_status() -> None:
    refusal = refusals(503)[503]
    busy = "SERVER_BUSY, WORKER_UNAVAILABLE, WORKER_LOST, SERVER_DRAINING"
    assert refusal["description"] == f"{busy}, DATABASE_UNAVAILABLE, NOT_STORED"
    properties = refusal["content"]["application/problem+json"]["schema"]["properties"]
    assert properties["code"]["enum"] == refusal["description"].split(", ")
    assert properties["status"] == {"const": 503}


def test_a_refusal_of_openais_is_in_its_shape() -> None:
    schema = refusals(404, openai=True)[404]["content"]["application/json"]["schema"]
    assert set(schema["properties"]["error"]["properties"]) == {"message", "type", "param", "code"}


def test_who_may_come_is_asked_everywhere_but_where_anyone_may() -> None:
    assert set(operation("/healthz")["responses"]) == {"200", *map(str, CONNECTION)}
    responses = operation("/stream")["responses"]
    assert {"401", "403", "500", "503"} <= set(responses)
    assert "application/problem+json" in responses["401"]["content"]
    assert "application/json" in operation("/v1/answer", "post")["responses"]["401"]["content"]


def test_what_a_connection_answers_is_beside_what_a_route_does() -> None:
    responses = operation("/stream")["responses"]
    assert set(responses["503"]["content"]) == {"text/plain", "application/problem+json"}
    assert set(responses["408"]["content"]) == {"text/plain"}


def test_what_the_framework_would_answer_is_not_there() -> None:
    assert "422" not in operation("/stream/{name}")["responses"]
    assert "components" not in documented()


def test_how_callers_are_known_is_said_where_they_are_asked() -> None:
    assert documented(KEY)["components"] == {"securitySchemes": KEY}
    assert "security" not in operation("/healthz", ways=KEY)
    assert operation("/stream", ways=KEY)["security"] == [{"key": []}, {"ticket": []}]
    assert operation("/v1/answer", "post", ways=KEY)["security"] == [{"key": []}]
    assert "security" not in operation("/stream")
