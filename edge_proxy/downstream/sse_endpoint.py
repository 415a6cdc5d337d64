"""A response that is a stream of events: it writes what is due, and its end says how the stream ended.

The last event leaves with the end of the body, or the body does not end.
"""

import asyncio
from collections.abc import Sequence

from starlette.types import Scope, Send

from edge_proxy.core.events import Finished
from edge_proxy.dialects.base import Dialect, Encoder
from edge_proxy.downstream.generation_response import GenerationResponse
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.pump import Pump, encode
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.wire import Wire


class SSEResponse(GenerationResponse):
    """One stream of one answer or several, as the dialect spells it."""

    def __init__(self, openings: Sequence[Opening], dialect: Dialect) -> None:
        super().__init__(openings, dialect.name)
        self._dialect = dialect

    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        """See `GenerationResponse`."""
        limits = [(name.encode(), value.encode()) for name, value in self.limit_fields(scope).items()]
        headers = [*self._dialect.headers, (b"x-generation-id", generation_id.encode()), *limits]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        encoders = [
            self._dialect.encoder(generation_id, index, opening.before) for index, opening in enumerate(self.openings)
        ]
        begin = b"".join([encoder.begin() for encoder in encoders])
        await send({"type": "http.response.body", "body": begin, "more_body": True})
        # Without a wire it is another server than ours; without chunks, a client of old.
        wire = scope.get("state", {}).get("wire") if scope["http_version"] == "1.1" else None
        streams = [opening.stream for opening in self.openings]
        if len(streams) == 1:
            last = await _write(streams[0], encoders[0], wire, send)
        else:
            last = await _write_all(streams, encoders, wire, send)
        endings = [stream.ending for stream in streams]
        usages = [ending.outcome.usage for ending in endings if isinstance(ending, Finished)]
        if len(usages) == len(streams):
            last += self._dialect.end(generation_id, usages)
        await send({"type": "http.response.body", "body": last, "more_body": False})


async def _write(stream: Stream, encoder: Encoder, wire: Wire | None, send: Send) -> bytes:
    """Write a stream's events but the last; its bytes, which leave with the end of the body."""
    if wire:
        return await Pump(stream, encoder, wire).run()
    body = encode(encoder, await stream.next())
    while stream.ending is None:
        stream.sent_bytes += len(body)
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = encode(encoder, await stream.next())
    stream.sent_bytes += len(body)
    return body


async def _write_all(streams: Sequence[Stream], encoders: Sequence[Encoder], wire: Wire | None, send: Send) -> bytes:
    """Write several streams side by side; the last bytes of the one that ends last, or of the first that fails."""

    async def write(stream: Stream, encoder: Encoder) -> tuple[bytes, bool]:
        last = await _write(stream, encoder, wire, send)
        return last, isinstance(stream.ending, Finished)

    tasks = [asyncio.ensure_future(write(*pair)) for pair in zip(streams, encoders, strict=True)]
    try:
        for number, task in enumerate(asyncio.as_completed(tasks), 1):
            last, finished = await task
            if not finished or number == len(tasks):
                return last
            await send({"type": "http.response.body", "body": last, "more_body": True})
    finally:
        for task in tasks:
            task.cancel()
    raise AssertionError("there is at least one stream")
