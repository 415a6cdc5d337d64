"""The gRPC face of the worker: what arrives on the wire, handed to registry and exchange, and their answers spelled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn
from urllib.parse import quote

import grpc
from grpc.aio import ServicerContext

from inference_worker.exchange_call import ExchangeCall, Rhythm
from inference_worker.generation import Finished, GenerationLog
from inference_worker.label import Channel
from inference_worker.messages import finished, label_message, models
from inference_worker.registry import Registry
from inference_worker.request import parse
from inference_worker.shelf import Generation
from inference_worker.status import Failed, Refused
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc

PRINTABLE = bytes(range(0x20, 0x7F)).replace(b"%", b"")
CHUNK_CHARS = 16_000  # of one chunk of the plain call, where the reader fell behind
Context = ServicerContext[Any, Any]
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Servicer(rpc.AIAgentServiceServicer):
    """Answers the calls of `AIAgentService`; counts those that have not returned."""

    def __init__(self, registry: Registry, rhythm: Rhythm) -> None:
        self._registry = registry
        self._rhythm = rhythm
        self._calls: set[ExchangeCall] = set()
        registry.on_full = self.report_load  # so that edges refuse by themselves what would be refused here
        self.open_calls = 0  # gRPC's stop() returns before handlers have cleaned up: count them ourselves

    @property
    def edges(self) -> int:
        """How many calls of Exchange there are."""
        return len(self._calls)

    def report_load(self) -> None:
        """Tell every edge the load now."""
        for call in self._calls:
            call.report_load()

    async def Exchange(  # type: ignore[override]  # noqa: N802 - gRPC's name; it takes coroutines that write, too
        self, request_iterator: AsyncIterator[pb.EdgeFrame], context: Context
    ) -> None:
        """See protos/inference.proto."""
        call = ExchangeCall(self._registry, self._rhythm)
        self._calls.add(call)
        self.open_calls += 1
        try:
            await call.serve(request_iterator, context.write)
        finally:
            self.open_calls -= 1
            self._calls.discard(call)

    async def GenerateTextStream(  # type: ignore[override]  # noqa: N802 - as above
        self, request: pb.GenerateRequest, context: Context
    ) -> None:
        """See protos/inference.proto."""
        moved = asyncio.Event()
        try:
            asked = parse(request)
            generation = await self._registry.start(asked)
        except Refused as refused:
            await _abort(context, refused.failed)
        self._registry.join(generation, moved.set)
        self.open_calls += 1
        try:
            await context.send_initial_metadata((("generation-id", generation.id),))
            await _write_chunks(generation, asked.first_index, moved, context)
        finally:
            self.open_calls -= 1
            self._registry.leave(generation, moved.set)

    async def CancelGeneration(  # noqa: N802 - gRPC's name
        self, request: pb.CancelGenerationRequest, context: Context
    ) -> pb.CancelGenerationResponse:
        """See protos/inference.proto."""
        try:
            self._registry.cancel(request.generation_id, request.owner)
        except Refused as refused:
            await _abort(context, refused.failed)
        return pb.CancelGenerationResponse()

    async def ListModels(  # noqa: N802 - gRPC's name
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """See protos/inference.proto."""
        return pb.ListModelsResponse(models=models(self._registry.models))


async def _write_chunks(generation: Generation, index: int, moved: asyncio.Event, context: Context) -> None:
    """Write the log from `index` on, as it grows; return behind the final chunk."""
    log = generation.log
    generation_id = generation.id  # on the first chunk only
    while True:
        chunk, moved_on = _next_chunk(log, index)
        index = chunk.next_index
        chunk.generation_id = generation_id
        ended = log.ending is not None and index == log.next_index
        if ended and isinstance(log.ending, Failed):
            if moved_on:
                await context.write(chunk)
            await _abort(context, log.ending)
        if ended and isinstance(log.ending, Finished):
            ending = finished(log.ending)
            chunk.is_final = True
            chunk.finish_reason = ending.finish_reason
            chunk.usage.CopyFrom(ending.usage)
            await context.write(chunk)
            return
        if moved_on:
            if generation.story and generation.story.first_at is None:
                generation.story.first_at = asyncio.get_running_loop().time()
            generation_id = ""
            await context.write(chunk)
        else:
            await moved.wait()
            moved.clear()


def _next_chunk(log: GenerationLog, index: int) -> tuple[pb.StreamChunk, bool]:
    """What there is from `index` on, as far as it has one label; and whether that is anything."""
    section = log.section_at(index)
    text, behind = log.read(index, max_chars=CHUNK_CHARS)
    chunk = pb.StreamChunk(next_index=behind)
    if section and behind > index:
        chunk.label.CopyFrom(label_message(section.label))
    if section and section.label.channel is not Channel.ANSWER:
        chunk.other = text
    else:
        chunk.delta = text
    return chunk, bool(text) or (behind > index and section is not None)


async def _abort(context: Context, failed: Failed) -> NoReturn:
    """End the call with the failure's status; the wrong field, if one is, in the trailing metadata `error-field`."""
    if failed.field:
        # A name may be the client's own, of any characters; metadata has but some. Spelled as gRPC spells its messages.
        context.set_trailing_metadata((("error-field", quote(failed.field, safe=PRINTABLE)),))
    await context.abort(STATUS_CODES[failed.code], failed.message)
    raise AssertionError("abort() raises")
