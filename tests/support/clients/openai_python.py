"""OpenAI's own Python SDK, in its two shapes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.support.clients.shape import Ask, Error, Seen


@asynccontextmanager
async def sync_client(edge: str, ask: Ask) -> AsyncIterator[Seen]:
    """Ask by the blocking client, in a thread."""
    with OpenAI(**_settings(edge, ask)) as client:
        yield await asyncio.to_thread(_drive, client, ask)


@asynccontextmanager
async def async_client(edge: str, ask: Ask) -> AsyncIterator[Seen]:
    """Ask by the client for event loops."""
    async with AsyncOpenAI(**_settings(edge, ask)) as client:
        seen = Seen()
        try:
            if ask.whole:
                _keep_whole(seen, await client.chat.completions.create(**_request(ask)))
            else:
                async with await client.chat.completions.create(**_request(ask)) as chunks:
                    async for chunk in chunks:
                        _keep(seen, chunk)
                        if ask.leave and seen.text:
                            break
        except openai.APIError as error:
            seen.error = told(error)
        yield seen


def told(error: openai.APIError) -> Error:
    """What the SDK says of an error."""
    return Error(type=type(error).__name__, status=getattr(error, "status_code", None), code=error.code)


def _drive(client: OpenAI, ask: Ask) -> Seen:
    seen = Seen()
    try:
        if ask.whole:
            _keep_whole(seen, client.chat.completions.create(**_request(ask)))
            return seen
        with client.chat.completions.create(**_request(ask)) as chunks:
            for chunk in chunks:
                _keep(seen, chunk)
                if ask.leave and seen.text:
                    break
    except openai.APIError as error:
        seen.error = told(error)
    return seen


def _settings(edge: str, ask: Ask) -> dict[str, Any]:
    bounds = {} if ask.silence_s is None else {"timeout": ask.silence_s}
    return {"base_url": f"http://{edge}/v1", "api_key": "none", **bounds}


def _request(ask: Ask) -> dict[str, Any]:
    how = {} if ask.whole else {"stream": True, "stream_options": {"include_usage": True}}
    messages = [{"role": "user", "content": ask.prompt}]
    return {"model": ask.model, "messages": messages, "seed": ask.seed, "temperature": ask.temperature, **how}


def _keep(seen: Seen, chunk: ChatCompletionChunk) -> None:
    for choice in chunk.choices:
        seen.text += choice.delta.content or ""
        seen.finish_reason = choice.finish_reason
    if chunk.usage:
        seen.completion_tokens = chunk.usage.completion_tokens


def _keep_whole(seen: Seen, answer: ChatCompletion) -> None:
    seen.text = answer.choices[0].message.content or ""
    seen.finish_reason = answer.choices[0].finish_reason
    seen.completion_tokens = answer.usage.completion_tokens if answer.usage else None
