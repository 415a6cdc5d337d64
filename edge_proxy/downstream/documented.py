"""What the document of the API, OpenAPI's, says of every route beside what the route says of itself.

    what                                     where
    --------------------------------------   --------------------------------------------------------
    a refusal, in the words of its address   where its statuses are listed; who asks is asked nearly everywhere
    what a connection answers by itself      everywhere: no route has seen the request
    how callers are known                    everywhere but where anyone may come, if keys are asked for

A status that a client gets and the document does not have is a mistake.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from edge_proxy.core.errors import ERRORS
from edge_proxy.downstream.authentication import OPEN_PATHS
from edge_proxy.downstream.problems import OPENAI_PATHS

Responses = dict[int | str, dict[str, Any]]
TEXT: Mapping[str, Any] = {"type": "string"}
COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
EVENTS = {
    "itemSchema": {"type": "object", "properties": {"event": TEXT, "id": TEXT, "data": TEXT}, "required": ["data"]}
}
LINES = {"itemSchema": {"type": "object", "properties": {"type": TEXT}, "required": ["type"]}}  # a line of JSON each

STREAMS = (400, 403, 404, 409, 429, 501, 502, 503, 504)  # a worker is asked for what is to be streamed
BODIES = (413, 415)  # and a body is read before
ANYWHERE = (401, 403, 500, 503)  # but where anyone may come; 503: an issuer's keys or shared tickets are away
CONNECTION = {  # see `connection.py`
    400: "The request is malformed.",
    408: "The request did not come in time.",
    503: "There are too many connections.",
}
FRAMEWORKS_OWN = "422"  # what FastAPI would answer, were it to check anything


def answer(description: str, **properties: Any) -> dict[str, Any]:
    """A response that is a JSON object of these properties, and of no others."""
    return {"description": description, "content": {"application/json": {"schema": exactly(**properties)}}}


def exactly(**properties: Any) -> dict[str, Any]:
    """An object that has these properties, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def refusals(*statuses: int, openai: bool = False) -> Responses:
    """The refusals of these statuses: as problem details, or in OpenAI's shape."""
    return {status: _refusal(status, openai=openai) for status in sorted(statuses)}


def add_document(app: FastAPI, *, ways: Mapping[str, Mapping[str, Any]], ticket_paths: tuple[str, ...]) -> None:
    """Have the app's document be complete.

    Args:
        app: Whose document it is. It has all its routes when it is first asked for that.
        ways: How callers are known, by name, as OpenAPI's "security schemes"; empty: anyone may come.
        ticket_paths: Where the way of the name "ticket" counts, by GET.
    """
    make: Callable[[], dict[str, Any]] = app.openapi
    complete: list[dict[str, Any]] = []  # FastAPI makes one, and gives the same again until routes change

    def openapi() -> dict[str, Any]:
        document = make()
        if not any(document is known for known in complete):
            _complete(document, ways, ticket_paths)
            complete[:] = [document]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _complete(document: dict[str, Any], ways: Mapping[str, Mapping[str, Any]], ticket_paths: tuple[str, ...]) -> None:
    document.pop("components", None)  # FastAPI's own shapes of errors that nobody gets
    if ways:
        document["components"] = {"securitySchemes": {name: dict(way) for name, way in ways.items()}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            asked = path not in OPEN_PATHS
            operation["responses"] = _responses(operation["responses"], path, asked=asked)
            if ways and asked:
                by_ticket = method == "get" and path in ticket_paths
                operation["security"] = [{name: []} for name in ways if name != "ticket" or by_ticket]


def _responses(own: dict[str, Any], path: str, *, asked: bool) -> dict[str, Any]:
    """Those of a route, and those that any can have."""
    all_there_are = {status: dict(response) for status, response in own.items() if status != FRAMEWORKS_OWN}
    if asked:
        for status, response in refusals(*ANYWHERE, openai=path.startswith(OPENAI_PATHS)).items():
            all_there_are.setdefault(str(status), response)
    for status, description in CONNECTION.items():
        said = all_there_are.setdefault(str(status), {"description": description})
        said["content"] = {"text/plain": {"schema": TEXT}} | said.get("content", {})
    return dict(sorted(all_there_are.items()))


def _refusal(status: int, *, openai: bool) -> dict[str, Any]:
    codes = [code.value for code, row in ERRORS.items() if row.status == status]
    media_type, schema = ("application/json", _openai_error()) if openai else _problem(status, codes)
    return {"description": ", ".join(codes), "content": {media_type: {"schema": schema}}}


def _problem(status: int, codes: list[str]) -> tuple[str, dict[str, Any]]:
    """See `dialects.native.refusal`."""
    schema = exactly(
        type={"const": "about:blank"},
        title=TEXT,
        status={"const": status},
        detail=TEXT,
        code={"enum": codes},
        retryable={"type": "boolean"},
        requestId=TEXT,
    )
    schema["properties"]["field"] = TEXT
    return "application/problem+json", schema


def _openai_error() -> dict[str, Any]:
    """See `dialects.openai.error`."""
    perhaps = {"type": ["string", "null"]}
    return exactly(error=exactly(message=TEXT, type=TEXT, param=perhaps, code=TEXT))
