"""A response that is an answer in one piece, for who did not ask for a stream."""

import asyncio
from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import Scope, Send

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Delta, Failed, Finished
from edge_proxy.dialects.base import WholeDialect
from edge_proxy.downstream.generation_response import GenerationResponse
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.stream import Stream


class WholeResponse(GenerationResponse):
    """All answers, as the dialect spells them; a failure is a status, because nothing has been sent."""

    def __init__(self, openings: Sequence[Opening], dialect: WholeDialect) -> None:
        super().__init__(openings, dialect.name)
        self._dialect = dialect

    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        """See `GenerationResponse`."""
        answers = await asyncio.gather(*[_read(opening.stream) for opening in self.openings])
        body = self._dialect.whole(generation_id, answers)
        self.openings[0].stream.sent_bytes += len(body)
        headers = {"x-generation-id": generation_id} | self.limit_fields(scope)
        response = Response(body, 200, headers, "application/json")
        await response(scope, _nothing, send)


async def _read(stream: Stream) -> tuple[list[Delta], Finished]:
    """All that a stream says before its end, and its end.

    Raises:
        Refused: It failed.
    """
    deltas: list[Delta] = []
    while stream.ending is None:
        deltas += [event for event in await stream.next() if isinstance(event, Delta)]
    if isinstance(stream.ending, Finished):
        return deltas, stream.ending
    raise Refused(stream.ending.failure if isinstance(stream.ending, Failed) else Failure(Code.INTERNAL_ERROR))


async def _nothing() -> dict[str, str]:
    """A body that has been read."""
    return {"type": "http.disconnect"}
