"""The native endpoints: start a stream, by POST or for `EventSource` by GET, and stop a generation."""

from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from edge_proxy.core.errors import invalid
from edge_proxy.dialects import DIALECTS
from edge_proxy.dialects.native_request import GenerateBody, GenerateQuery, parse_body, parse_query
from edge_proxy.downstream.body import read_json
from edge_proxy.downstream.problems import RESPONSES
from edge_proxy.downstream.streams import Streams

PATH = "/api/v1/ai/generate"
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of `message` events, with `ping` events between, ended by `isFinal` or by `error`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def add_native_routes(app: FastAPI, streams: Streams, *, max_body_bytes: int, resume_window_s: float) -> None:
    """Have the app answer them with these streams."""
    native = DIALECTS["native"]

    @app.post(
        PATH,
        response_class=Response,
        tags=["native"],
        responses=STREAM | RESPONSES,
        openapi_extra={"requestBody": _body_schema(GenerateBody)},
    )
    async def generate(request: Request) -> Response:
        """Generate text from a prompt or messages, streamed."""
        body = await read_json(request, max_bytes=max_body_bytes)
        return streams.sse(parse_body(body, resume_window_s=resume_window_s), native)

    @app.get(
        PATH,
        response_class=Response,
        tags=["native"],
        responses=STREAM | RESPONSES,
        openapi_extra={"parameters": _query_schema(GenerateQuery)},
    )
    async def generate_for_event_source(request: Request) -> Response:
        """Generate text from a prompt, streamed, for `EventSource`."""
        return streams.sse(parse_query(_query(request), resume_window_s=resume_window_s), native)

    @app.delete(
        "/api/v1/ai/generations/{generation_id}",
        tags=["native"],
        status_code=204,
        response_class=Response,
        responses=RESPONSES,
    )
    async def stop(generation_id: str) -> Response:
        """Stop a generation, whoever reads it."""
        await streams.cancel(generation_id)
        return Response(status_code=204)


def _query(request: Request) -> dict[str, str]:
    """The query string as a dict.

    Raises:
        Refused: A field is given twice.
    """
    data: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in data:
            raise invalid(name[:100], "The field is given twice.")
        data[name] = value
    return data


def _body_schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    inlined = _inline(schema, definitions)
    return {"required": True, "content": {"application/json": {"schema": inlined}}}


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its references replaced by what they name: a hand-made body has no place for them."""
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inline(value, definitions) for name, value in schema.items()}


def _query_schema(model: type[BaseModel]) -> list[dict[str, Any]]:
    fields = model.model_json_schema()["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]
