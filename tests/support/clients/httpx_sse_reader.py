"""httpx-sse, on the native endpoint or the ask endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from httpx_sse import EventSource, ServerSentEvent, aconnect_sse

from tests.support.clients.shape import Ask, Error, Seen
from tests.support.http import PATH

# httpx's own default, 5 s, is less than an edge's ping interval.
SILENCE_S = 20.0


@asynccontextmanager
async def client(edge: str, ask: Ask) -> AsyncIterator[Seen]:
    """Ask, and read each event."""
    seen = Seen()
    path, question = ("/ask/stream", "question") if ask.endpoint == "ask" else (PATH, "prompt")
    body: dict[str, object] = {question: ask.prompt, "seed": ask.seed, "model": ask.model}
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    bounds = httpx.Timeout(5, read=ask.silence_s or SILENCE_S)
    async with httpx.AsyncClient(timeout=bounds) as http:
        async with aconnect_sse(http, "POST", f"http://{edge}{path}", json=body) as source:
            await _read(seen, source, ask)
        yield seen


async def _read(seen: Seen, source: EventSource, ask: Ask) -> None:
    try:
        source.response.raise_for_status()
    except httpx.HTTPStatusError as error:
        await source.response.aread()
        problem = source.response.json()
        seen.error = Error(type=type(error).__name__, status=error.response.status_code, code=problem["code"])
        return
    async for event in source.aiter_sse():
        _KEEP[ask.endpoint](seen, event)
        if ask.leave and seen.text:
            return


def _keep_native(seen: Seen, event: ServerSentEvent) -> None:
    data = event.json()
    match event.event:
        case "ping":
            seen.pings += 1
        case "error":
            seen.error = Error(type="error event", code=data["code"])
        case "message":
            seen.text += data["delta"]
            seen.last_id = event.id
            seen.finish_reason = data.get("finishReason")
            seen.completion_tokens = data.get("usage", {}).get("completionTokens")
        case other:
            raise AssertionError(f"an event of the name {other!r}")


def _keep_ask(seen: Seen, event: ServerSentEvent) -> None:
    data = event.json()
    match data["type"]:
        case "delta":
            seen.text += data["content"]
        case "end":
            assert data["answer"].startswith(seen.text)  # what was held at the end is nowhere else
            seen.text = data["answer"]
            seen.finish_reason = data["finishReason"]
            seen.completion_tokens = data["usage"]["completionTokens"]
        case "error":
            seen.error = Error(type="error event", code=data["code"])
        case other:
            raise AssertionError(f"an event of the type {other!r}")


_KEEP = {"native": _keep_native, "ask": _keep_ask}
