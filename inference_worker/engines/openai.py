"""Any OpenAI-compatible service as an engine: vLLM, SGLang, Ollama, llama.cpp's server, another edge of ours.

One pooled HTTP client serves all requests. A request is sent when it is prepared, so that what the service refuses is
refused here; but a service may think before it says even that it will answer, so the wait for that is short.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import httpx

from inference_worker.engines.base import Finish, Model, Run, Sink
from inference_worker.engines.config import Upstream
from inference_worker.engines.openai_call import Call
from inference_worker.engines.openai_replies import Reply
from inference_worker.request import Message, Request
from inference_worker.status import EngineError, Refused, invalid

PATIENCE_S = 1.0  # for a refusal: it comes at once, and the client's first bytes wait for it
CONNECT_S = 5.0
POOL_S = 0.5  # the registry lets in no more than there are connections; one may still be closing
MAX_STOPS = 4  # that services take; the text stage finds all
MODELS_S = 10.0


class OpenAIEngine:
    """The models of one service.

    Args:
        names: Those that requests can name, the default one first; none: all that the service lists.
        upstream: The service.

    Raises:
        EngineError: It is to list its models, and does not.
    """

    def __init__(self, names: Sequence[str], upstream: Upstream) -> None:
        url = upstream.url.rstrip("/")
        headers = {"authorization": f"Bearer {upstream.key}"} if upstream.key else {}
        served = names or _listed(url, headers)
        self.models = [Model(name=name, engine="openai", supports_continue=upstream.continues) for name in served]
        self.capacity = upstream.connections
        self._upstream = upstream
        limits = httpx.Limits(max_connections=upstream.connections, max_keepalive_connections=upstream.idle_connections)
        timeout = httpx.Timeout(upstream.timeout_s, connect=CONNECT_S, pool=POOL_S)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits)
        self.troubles: Counter[str] = Counter()
        self._closing: set[asyncio.Task[None]] = set()

    async def prepare(self, request: Request) -> Run:
        """Send it."""
        for name in request.engine_options:
            raise invalid(f"engine_options.{name}", "The openai engine has no options.")
        if request.continued_text and not self._upstream.continues:
            raise invalid("continuation", "The service does not go on with a text.")
        path = "chat/completions" if request.messages else "completions"
        call = Call(self._http, path, self._body(request), self.troubles)
        try:
            await call.head(patience_s=PATIENCE_S)
        except BaseException:  # refused, or cancelled: nobody will drop it
            self._drop(call)
            raise

        async def play(sink: Sink) -> Finish:
            return await self._play(call, sink)

        return Run(play, lambda: self._drop(call))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._http.aclose()

    def _drop(self, call: Call) -> None:
        task = asyncio.create_task(call.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _play(self, call: Call, sink: Sink) -> Finish:
        reply = Reply(sink)
        async with aclosing(call.events()) as events:
            async for data in events:
                if not self._take(reply, data):
                    break
        try:
            finish = reply.finish()
        except EngineError:
            self.troubles["cut"] += 1
            raise
        call.complete = reply.done
        return finish

    def _take(self, reply: Reply, data: str) -> bool:
        try:
            return reply.take(data)
        except EngineError:
            self.troubles["unreadable"] += 1
            raise
        except Refused:
            self.troubles["refused"] += 1
            raise

    def _body(self, request: Request) -> dict[str, Any]:
        streams, used = self._upstream.streams, request.first_index
        body: dict[str, Any] = {
            "model": request.model or self.models[0].name,
            "max_tokens": request.max_tokens and max(1, request.max_tokens - used),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "stop": list(request.stop[:MAX_STOPS]) or None,
            "stream": streams,
            "stream_options": {"include_usage": True} if streams else None,
        }
        said = {name: value for name, value in body.items() if value is not None} | request.extras | _input(request)
        if request.continued_text and request.messages:
            said |= {
                "continue_final_message": True,
                "add_generation_prompt": False,
            }  # of vLLM, SGLang; others need none
        return said


def _input(request: Request) -> dict[str, Any]:
    if not request.messages:
        return {"prompt": request.raw_prompt + request.continued_text}
    messages = [_message(message) for message in request.messages]
    if request.continued_text:
        messages.append({"role": "assistant", "content": request.continued_text})
    return {"messages": messages}


def _message(message: Message) -> dict[str, Any]:
    spelled: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        spelled |= {"tool_calls": list(message.tool_calls), "content": message.content or None}
    if message.tool_call_id:
        spelled["tool_call_id"] = message.tool_call_id
    if message.name:
        spelled["name"] = message.name
    return spelled


def _listed(url: str, headers: dict[str, str]) -> list[str]:
    """The names of the models that the service says it has."""
    try:
        answer = httpx.get(f"{url}/models", headers=headers, timeout=MODELS_S)
        names = [str(model["id"]) for model in answer.raise_for_status().json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"WORKER_MODEL names no model, and {url}/models lists none: {error!r}") from error
    if not names:
        raise EngineError(f"WORKER_MODEL names no model, and {url}/models lists none.")
    return names
