"""The native endpoints: start a stream, by POST or for `EventSource` by GET, and stop a generation."""

from fastapi import FastAPI, Request, Response

from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects import json_lines, native
from edge_proxy.dialects.base import Dialect
from edge_proxy.dialects.native_request import GenerateBody, GenerateQuery, parse_body, parse_query
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.body import read_json, read_query
from edge_proxy.downstream.documented import BODIES, EVENTS, LINES, STREAMS, Responses, refusals
from edge_proxy.downstream.resuming import PARAMETERS, RESUMED, openings
from edge_proxy.downstream.schemas import body_schema, query_schema
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.streams import Streams

PATH = "/api/v1/ai/generate"
STREAM: Responses = {
    200: {
        "description": "A stream of `message` events, with `ping` events between, ended by `isFinal` or by `error`.",
        "content": {
            "text/event-stream": EVENTS,
            "application/x-ndjson": LINES,
        },
    }
}


def add_native_routes(app: FastAPI, streams: Streams, *, max_body_bytes: int, resume_window_s: float) -> None:
    """Have the app answer them with these streams."""

    async def body(request: Request) -> GenerationRequest:
        return parse_body(await read_json(request, max_bytes=max_body_bytes), resume_window_s=resume_window_s)

    async def query(request: Request) -> GenerationRequest:
        return parse_query(read_query(request), resume_window_s=resume_window_s)

    @app.post(
        PATH,
        response_class=Response,
        tags=["native"],
        responses=STREAM | RESUMED | refusals(*STREAMS, *BODIES),
        openapi_extra={"parameters": PARAMETERS, "requestBody": body_schema(GenerateBody)},
    )
    async def generate(request: Request) -> Response:
        """Generate text from a prompt or messages, streamed; or go on from `Last-Event-ID`."""
        return SSEResponse(await openings(request, streams, body), _spelled(request))

    @app.get(
        PATH,
        response_class=Response,
        tags=["native"],
        responses=STREAM | RESUMED | refusals(*STREAMS),
        openapi_extra={"parameters": [*PARAMETERS, *query_schema(GenerateQuery)]},
    )
    async def generate_for_event_source(request: Request) -> Response:
        """Generate text from a prompt, streamed, for `EventSource`; or go on from `Last-Event-ID`."""
        return SSEResponse(await openings(request, streams, query), _spelled(request))


def add_stop_route(app: FastAPI, streams: Streams) -> None:
    """Have the app stop generations."""

    @app.delete(
        "/api/v1/ai/generations/{generation_id}",
        tags=["native"],
        status_code=204,
        response_class=Response,
        responses=refusals(404, 503),
    )
    async def stop(generation_id: str, request: Request) -> Response:
        """Stop a generation, whoever reads it."""
        await streams.stop(generation_id, caller_of(request).owner)
        return Response(status_code=204)


def _spelled(request: Request) -> Dialect:
    """Lines for who asks for those and not for events; else events."""
    accepted = request.headers.get("accept", "")
    lines = "application/x-ndjson" in accepted and "text/event-stream" not in accepted
    return json_lines if lines else native
