"""The ask endpoint: a question in, typed events out; by POST, or for `EventSource` by GET."""

from dataclasses import replace

from fastapi import FastAPI, Request, Response

from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects import ask
from edge_proxy.dialects.ask_request import AskBody, parse_ask
from edge_proxy.downstream.body import read_json, read_query
from edge_proxy.downstream.documented import BODIES, EVENTS, STREAMS, Responses, refusals
from edge_proxy.downstream.resuming import PARAMETERS, RESUMED, openings
from edge_proxy.downstream.schemas import body_schema, query_schema
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.streams import Streams

PATH = "/ask/stream"
STREAM: Responses = {
    200: {
        "description": "Events of type `delta`, ended by one of type `end` with the whole answer, or `error`.",
        "content": {"text/event-stream": EVENTS},
    }
}


def add_ask_routes(app: FastAPI, streams: Streams, *, max_body_bytes: int, resume_window_s: float) -> None:
    """Have the app answer it with these streams."""

    async def body(request: Request) -> GenerationRequest:
        return parse_ask(await read_json(request, max_bytes=max_body_bytes))

    async def query(request: Request) -> GenerationRequest:
        return replace(parse_ask(read_query(request), strings=True), resume_window_s=resume_window_s)

    @app.post(
        PATH,
        response_class=Response,
        tags=["ask"],
        responses=STREAM | RESUMED | refusals(*STREAMS, *BODIES),
        openapi_extra={"parameters": PARAMETERS, "requestBody": body_schema(AskBody)},
    )
    async def ask_stream(request: Request) -> Response:
        """Answer a question, streamed."""
        return SSEResponse(await openings(request, streams, body), ask)

    @app.get(
        PATH,
        response_class=Response,
        tags=["ask"],
        responses=STREAM | RESUMED | refusals(*STREAMS),
        openapi_extra={"parameters": [*PARAMETERS, *query_schema(AskBody)]},
    )
    async def ask_stream_for_event_source(request: Request) -> Response:
        """Answer a question, streamed, for `EventSource`."""
        return SSEResponse(await openings(request, streams, query), ask)
