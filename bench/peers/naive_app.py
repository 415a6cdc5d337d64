"""What a tutorial would write: one call per stream, one event per token. NAIVE_WORKER is the worker's address."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
from fastapi import FastAPI, Request
from pydantic import BaseModel
from sse_starlette import EventSourceResponse  # type: ignore[import-not-found, unused-ignore]  # bench only

from protos.inference_pb2 import GenerateRequest
from protos.inference_pb2_grpc import AIAgentServiceStub


class Body(BaseModel):
    """What a client posts."""

    prompt: str
    engine_options: dict[str, str] = {}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with grpc.aio.insecure_channel(os.environ["NAIVE_WORKER"]) as channel:
        app.state.worker = AIAgentServiceStub(channel)
        yield


app = FastAPI(lifespan=_lifespan)


@app.post("/generate")
async def generate(body: Body, request: Request) -> EventSourceResponse:
    """Stream one generation."""

    async def events() -> AsyncIterator[dict[str, str]]:
        asked = GenerateRequest(prompt=body.prompt, engine_options=body.engine_options)
        async for chunk in request.app.state.worker.GenerateTextStream(asked):
            yield {"data": json.dumps({"delta": chunk.delta, "isFinal": chunk.is_final})}

    return EventSourceResponse(events())
