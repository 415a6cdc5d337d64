"""Responses that are a turn: as any other made of generations, but that the turn's reply is kept, whatever happens."""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from edge_proxy.conversations.turn import Turn
from edge_proxy.downstream.generation_response import GenerationResponse
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.whole_endpoint import WholeResponse


class _TurnResponse(GenerationResponse):
    turn: Turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            stream = self.openings[0].stream
            await self.turn.close(stream.failure or stream.ending)


class TurnStream(_TurnResponse, SSEResponse):
    """A reply as it is made."""

    def __init__(self, openings: Sequence[Opening], turn: Turn) -> None:
        super().__init__(openings, turn.dialect)
        self.turn = turn

    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        """See `GenerationResponse`. The turn knows its session only now."""
        self._dialect = self.turn.dialect
        await super().respond(generation_id, scope, send)


class TurnWhole(_TurnResponse, WholeResponse):
    """A reply in one piece."""

    def __init__(self, openings: Sequence[Opening], turn: Turn) -> None:
        super().__init__(openings, turn.dialect)
        self.turn = turn

    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        """See `GenerationResponse`."""
        self._dialect = self.turn.dialect
        await super().respond(generation_id, scope, send)
