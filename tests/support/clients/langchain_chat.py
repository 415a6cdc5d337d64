"""LangChain's chat model for OpenAI's dialect: `stream` and `invoke`, and their asynchronous twins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from typing import Any

import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from tests.support.clients.openai_python import told
from tests.support.clients.shape import Ask, Seen


@asynccontextmanager
async def sync_model(edge: str, ask: Ask) -> AsyncIterator[Seen]:
    """Ask by `stream`, or by `invoke` for an answer in one piece, in a thread."""
    model = _model(edge, ask)
    with closing(model.root_client):
        yield await asyncio.to_thread(_drive, model, ask)


@asynccontextmanager
async def async_model(edge: str, ask: Ask) -> AsyncIterator[Seen]:
    """Ask by `astream`, or by `ainvoke` for an answer in one piece."""
    model, seen = _model(edge, ask), Seen()
    async with model.root_async_client:
        try:
            if ask.whole:
                _keep(seen, await model.ainvoke(ask.prompt))
            else:
                chunks: Any = model.astream(ask.prompt)  # a generator, which its type does not say
                async with aclosing(chunks):
                    async for chunk in chunks:
                        _keep(seen, chunk)
                        if ask.leave and seen.text:
                            break
        except openai.APIError as error:
            seen.error = told(error)
        yield seen


def _drive(model: ChatOpenAI, ask: Ask) -> Seen:
    seen = Seen()
    try:
        if ask.whole:
            _keep(seen, model.invoke(ask.prompt))
            return seen
        chunks: Any = model.stream(ask.prompt)  # as above
        with closing(chunks):
            for chunk in chunks:
                _keep(seen, chunk)
                if ask.leave and seen.text:
                    break
    except openai.APIError as error:
        seen.error = told(error)
    return seen


def _model(edge: str, ask: Ask) -> ChatOpenAI:
    settings: dict[str, Any] = {
        "base_url": f"http://{edge}/v1",
        "api_key": "none",
        "model": ask.model,
        "seed": ask.seed,
        "temperature": ask.temperature,
        "stream_usage": True,
    }
    bounds = {} if ask.silence_s is None else {"timeout": ask.silence_s}
    return ChatOpenAI(**settings, **bounds)


def _keep(seen: Seen, message: AIMessage) -> None:
    seen.text += message.text
    seen.finish_reason = message.response_metadata.get("finish_reason", seen.finish_reason)
    if message.usage_metadata:
        seen.completion_tokens = message.usage_metadata["output_tokens"]
