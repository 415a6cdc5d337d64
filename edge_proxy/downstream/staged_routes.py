"""The staged endpoint: a message in, what is thought, said and made of it out; by POST, or for `EventSource` by GET."""

from fastapi import FastAPI, Request, Response

from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects import staged
from edge_proxy.dialects.staged_request import StagedBody, StagedQuery, parse_staged, parse_staged_query
from edge_proxy.downstream.body import read_json, read_query
from edge_proxy.downstream.documented import BODIES, EVENTS, STREAMS, Responses, refusals
from edge_proxy.downstream.resuming import PARAMETERS, RESUMED, openings
from edge_proxy.downstream.schemas import body_schema, query_schema
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.streams import Streams

PATH = "/chat/stream"
STREAM: Responses = {
    200: {
        "description": "Events of type `thinking` and `content`; then `complete` with all that was made, and `done`; "
        "or `error`.",
        "content": {"text/event-stream": EVENTS},
    }
}


def add_staged_routes(app: FastAPI, streams: Streams, *, max_body_bytes: int, resume_window_s: float) -> None:
    """Have the app answer it with these streams."""

    async def body(request: Request) -> GenerationRequest:
        return parse_staged(await read_json(request, max_bytes=max_body_bytes), resume_window_s=resume_window_s)

    async def query(request: Request) -> GenerationRequest:
        return parse_staged_query(read_query(request), resume_window_s=resume_window_s)

    @app.post(
        PATH,
        response_class=Response,
        tags=["staged"],
        responses=STREAM | RESUMED | refusals(*STREAMS, *BODIES),
        openapi_extra={"parameters": PARAMETERS, "requestBody": body_schema(StagedBody)},
    )
    async def chat_stream(request: Request) -> Response:
        """Answer in stages, streamed."""
        return SSEResponse(await openings(request, streams, body), staged)

    @app.get(
        PATH,
        response_class=Response,
        tags=["staged"],
        responses=STREAM | RESUMED | refusals(*STREAMS),
        openapi_extra={"parameters": [*PARAMETERS, *query_schema(StagedQuery)]},
    )
    async def chat_stream_for_event_source(request: Request) -> Response:
        """Answer in stages, streamed, for `EventSource`."""
        return SSEResponse(await openings(request, streams, query), staged)
