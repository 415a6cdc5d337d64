"""The endpoints that OpenAI's SDKs call."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.request import Model
from edge_proxy.dialects.openai import CHAT, COMPLETION, Answer
from edge_proxy.dialects.openai_request import Asked, ChatBody, CompletionBody, parse_chat, parse_completion
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.body import read_json
from edge_proxy.downstream.documented import BODIES, COUNT, EVENTS, STREAMS, TEXT, Responses, answer, exactly, refusals
from edge_proxy.downstream.schemas import body_schema
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.streams import Streams
from edge_proxy.downstream.whole_endpoint import WholeResponse

ANSWER: Responses = {
    200: {
        "description": "The answer; with `stream`, chunks of it, ended by `[DONE]` or by an `error` event.",
        "content": {
            "application/json": {
                "schema": exactly(
                    id=TEXT,
                    object={"enum": [CHAT.whole, COMPLETION.whole]},
                    created=COUNT,
                    model=TEXT,
                    choices={"type": "array", "items": {"type": "object"}},
                    usage=exactly(prompt_tokens=COUNT, completion_tokens=COUNT, total_tokens=COUNT),
                )
            },
            "text/event-stream": EVENTS,
        },
    }
}
MODEL = exactly(id=TEXT, object={"const": "model"}, created=COUNT, owned_by=TEXT)
MODELS: Responses = {
    200: answer("All of them.", object={"const": "list"}, data={"type": "array", "items": MODEL}),
}
ONE_MODEL: Responses = {200: {"description": "It is served.", "content": {"application/json": {"schema": MODEL}}}}


def add_openai_routes(
    app: FastAPI, streams: Streams, *, models: Callable[[], Sequence[Model]], max_body_bytes: int
) -> None:
    """Have the app answer them with these streams and models."""

    @app.post(
        "/v1/chat/completions",
        response_class=Response,
        tags=["openai"],
        responses=ANSWER | refusals(*STREAMS, *BODIES, openai=True),
        openapi_extra={"requestBody": body_schema(ChatBody)},
    )
    async def chat(request: Request) -> Response:
        """Answer a conversation."""
        return _respond(request, streams, parse_chat(await read_json(request, max_bytes=max_body_bytes)))

    @app.post(
        "/v1/completions",
        response_class=Response,
        tags=["openai"],
        responses=ANSWER | refusals(*STREAMS, *BODIES, openai=True),
        openapi_extra={"requestBody": body_schema(CompletionBody)},
    )
    async def complete(request: Request) -> Response:
        """Go on with a text."""
        return _respond(request, streams, parse_completion(await read_json(request, max_bytes=max_body_bytes)))

    @app.get("/v1/models", tags=["openai"], responses=MODELS)
    async def list_models(request: Request) -> JSONResponse:
        """The models that the workers serve."""
        return JSONResponse({"object": "list", "data": [_listed(model) for model in models()]})

    @app.get("/v1/models/{name:path}", tags=["openai"], responses=refusals(404, openai=True) | ONE_MODEL)
    async def get_model(name: str) -> JSONResponse:
        """One of them."""
        for model in models():
            if model.name == name:
                return JSONResponse(_listed(model))
        raise Refused(Failure(Code.NOT_FOUND, "No worker serves that model.", "model"))


def _respond(request: Request, streams: Streams, asked: Asked) -> Response:
    answer = Answer(asked.shape, asked.model, int(time.time()), asked.include_usage)
    caller = caller_of(request)
    openings = streams.open([replace(choice, caller=caller) for choice in asked.choices])
    return SSEResponse(openings, answer) if asked.stream else WholeResponse(openings, answer)


def _listed(model: Model) -> dict[str, object]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.engine}
