"""Real text on any machine: llama.cpp in this process, many requests decoded together (continuous batching).

    prepare   template and prompt -> token ids, by llama.cpp's own tokenizer, over its private socket
    run       one pool thread per request calls into llama.cpp (which frees the GIL) and gets a callback per token;
              the callback leaves the text in a Mailbox, which wakes the event loop once for all that lies there

What llama.cpp's server does not do for us: a request that waits inside it for a slot can not be cancelled, so a
semaphore lets only as many in as there are slots; and control tokens spelled in user text would be control tokens, so
that text is tokenized by itself, as plain text, and never as part of the template.
"""

import asyncio
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import xllamacpp

from inference_worker.engines.base import NO_TROUBLES, Finish, Model, Run, Sink, refuse_extras
from inference_worker.engines.llamacpp_replies import Mailbox, Reply, is_progress
from inference_worker.engines.pace import Pace, parse_bound
from inference_worker.request import Message, Request
from inference_worker.status import EngineError, invalid

DEFAULT_TEMPERATURE = 0.7  # the bundled model's stories were judged at this
BATCH_TOKENS = 64  # a long prompt can be cancelled after each such piece, without loss of prefill speed
SPLIT = -1  # no token has this id: llama.cpp's tokenizer passes numbers through, so it parts one text from the next


class LlamaCppEngine:
    """Any GGUF model that llama.cpp runs.

    Args:
        path: The model's file; its stem is the model's name.
        slots: Requests decoded together, at most 256; more wait their turn.
        threads: 0 means one less than the cores: all of them and one busy neighbour is five times slower.
        context_tokens: Of each slot: prompt and answer together.
        tokens_per_second: No generation is faster, unless its request says otherwise. 0: as fast as can be.
    """

    def __init__(
        self, path: Path, *, slots: int, threads: int, context_tokens: int, tokens_per_second: float = 0
    ) -> None:
        if not path.is_file():
            raise EngineError(f"There is no model file {path}.")
        self.capacity = 0
        self.models = (Model(name=path.stem, engine="llamacpp", context_tokens=context_tokens, supports_continue=True),)
        self._context_tokens = context_tokens
        self._tokens_per_second = tokens_per_second
        self._folder = tempfile.TemporaryDirectory(prefix="token-relay-")
        # xllamacpp always opens its HTTP listener, without a key: on a socket in a folder that only we can enter.
        socket = f"{self._folder.name}/llama.sock"
        self._server = _start(path, slots=slots, threads=threads, context_tokens=context_tokens, socket=socket)
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=socket), base_url="http://llama", timeout=30
        )
        self._free_slots = asyncio.Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="llama")
        self._mailbox: Mailbox | None = None

    troubles = NO_TROUBLES

    async def prepare(self, request: Request) -> Run:
        """Turn the input into token ids, and see that they fit the model's context."""
        bound = parse_bound(request.engine_options, self._tokens_per_second)
        refuse_extras(request, engine="llamacpp")
        ids = await self._tokenize(request)
        if len(ids) >= self._context_tokens:
            limit = f"the model's context has room for {self._context_tokens}"
            raise invalid(request.input_field, f"The input has {len(ids)} tokens; {limit}, the answer included.")

        async def run(sink: Sink) -> Finish:
            return await self._run(request, ids, sink, bound)

        return Run(run)

    async def close(self) -> None:
        """Join llama.cpp's threads and remove the socket."""
        await self._http.aclose()
        self._pool.shutdown()
        del self._server
        self._folder.cleanup()

    async def _tokenize(self, request: Request) -> list[int]:
        """The prompt as token ids, user text as plain text: control tokens spelled in it do not act."""
        if not request.messages:
            return await self._ids([request.raw_prompt + request.continued_text], control=False, begin=True)
        template, texts = await self._template(request.messages)
        marks = _split(await self._ids(_parted(template), control=True, begin=True))
        plain = _split(await self._ids(_parted([*texts, request.continued_text]), control=False, begin=False))
        return [token for pair in zip(marks, plain, strict=True) for part in pair for token in part]

    async def _template(self, messages: tuple[Message, ...]) -> tuple[list[str], list[str]]:
        """The chat template's text around the messages' contents, and those contents in order.

        Raises:
            Refused: The template does not take these messages, or leaves one out.
        """
        mark = "\ue000{}\ue001".format  # of the private use area: no template has a rule for it
        named = [{"role": m.role, "content": mark(number)} for number, m in enumerate(messages)]
        response = await self._http.post("/apply-template", json={"messages": named})
        if response.is_error:
            raise invalid("messages", "The model's chat template does not take messages in this order.")
        parts, rest = [], str(response.json()["prompt"])
        for number in range(len(messages)):
            before, found, rest = rest.partition(mark(number))
            if not found:
                raise invalid(f"messages[{number}]", "The model's chat template has no place for this message.")
            parts.append(before)
        return [*parts, rest], [m.content for m in messages]

    async def _ids(self, content: list[str | int], *, control: bool, begin: bool) -> list[int]:
        body = {"content": content, "parse_special": control, "add_special": begin}
        response = await self._http.post("/tokenize", json=body)
        response.raise_for_status()
        return list(response.json()["tokens"])

    async def _run(self, request: Request, ids: list[int], sink: Sink, bound: float) -> Finish:
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox = self._mailbox or Mailbox(loop)
        room = self._context_tokens - len(ids)
        wanted = room if request.max_tokens is None else min(room, request.max_tokens - request.first_index)
        if wanted <= 0:
            return Finish("length", len(ids))
        reply = Reply(sink)
        pace = Pace(bound, time.monotonic()) if bound else None

        def on_chunk(raw: bytes) -> bool:
            mailbox.put(reply.receive, raw)
            wait_s = pace.wait_s(time.monotonic()) if pace and not is_progress(raw) else 0.0
            return reply.enough.wait(wait_s) if wait_s else reply.enough.is_set()  # True frees the slot

        body = json.dumps(_body(request, ids, wanted)).encode()
        async with self._free_slots:
            done = loop.run_in_executor(self._pool, self._server.handle_completions, body, on_chunk)
            try:
                await asyncio.wait([done])
                return _outcome(reply, done, len(ids))
            finally:
                reply.enough.set()
                await asyncio.wait([done])  # cancelled: the slot is free within one decoding step


def _start(path: Path, *, slots: int, threads: int, context_tokens: int, socket: str) -> xllamacpp.Server:
    threads = threads or max(1, (os.cpu_count() or 2) - 1)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = slots
    params.n_ctx = slots * context_tokens  # split evenly over the slots
    params.kv_unified = False  # six times slower at 64 streams
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_batch = params.n_ubatch = max(BATCH_TOKENS, slots)
    params.cache_ram_mib = 0  # no copies of prompts kept: a prompt is its user's
    params.warmup = False
    params.verbosity = -1
    params.hostnames = [socket]
    params.n_threads_http = 1
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise EngineError(f"llama.cpp can not load {path}: {error}") from error


def _parted(texts: list[str]) -> list[str | int]:
    """The texts with a SPLIT between each two."""
    return [part for text in texts for part in (SPLIT, text)][1:]


def _split(ids: list[int]) -> list[list[int]]:
    """What the tokenizer made of parted texts: the ids of each."""
    parts: list[list[int]] = [[]]
    for token in ids:
        if token == SPLIT:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _body(request: Request, ids: list[int], max_tokens: int) -> dict[str, Any]:
    """llama.cpp's form of the request. Stop strings are not its business: the text stage finds them."""
    temperature = DEFAULT_TEMPERATURE if request.temperature is None else request.temperature
    body: dict[str, Any] = {
        "prompt": ids,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "stream": True,
        "return_progress": True,  # a callback within a long prompt too, so that it can be cancelled there
        "timings_per_token": True,  # they count tokens: of one that completes no character nothing else is said
        "cache_prompt": False,
    }
    given = {"top_p": request.top_p, "seed": request.seed}
    return body | {name: value for name, value in given.items() if value is not None}


def _outcome(reply: Reply, done: asyncio.Future[Any], prompt_tokens: int) -> Finish:
    error = done.exception() or reply.error
    if error:
        raise EngineError(f"llama.cpp says: {error}")
    if reply.finish is None and not reply.enough.is_set():
        raise EngineError("llama.cpp ended without a finish reason.")
    return reply.finish or Finish("length", prompt_tokens)  # the sink took no more
