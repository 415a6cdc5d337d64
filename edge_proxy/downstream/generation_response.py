"""What every response made of generations has in common: it opens them, and lets go of them when the client leaves.

Written straight against ASGI, because everything here is about when: nothing is sent before the worker has taken the
request on, so that every refusal is a status; and the client's leaving is watched from the first moment on, also while
the worker is asked and while a write waits for a slow client.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge_proxy.core.errors import Code, Refused
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.problems import limit_fields


class GenerationResponse(Response, ABC):
    """A response of one generation or several, of which the first gives it its id."""

    def __init__(self, openings: Sequence[Opening], name: str) -> None:
        self.openings = openings
        self._name = name
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        for opening in self.openings:
            opening.begin(self._name, scope.get("state", {}))
        gone = asyncio.ensure_future(_disconnected(receive))
        gone.add_done_callback(self._leave)
        try:
            ids = [await opening.open() for opening in self.openings]
            await self.respond(ids[0], scope, send)
        except Refused:
            if not gone.done():  # else there is nobody to tell
                raise
        except Exception:
            for opening in self.openings:
                opening.stream.story.cause = Code.INTERNAL_ERROR
            raise
        finally:
            for opening in self.openings:
                opening.close()
            gone.cancel()

    @abstractmethod
    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        """Send the response, once all its generations are open.

        Raises:
            Refused: Nothing has been sent, and nothing will be but this.
        """

    def limit_fields(self, scope: Scope) -> dict[str, str]:
        """What the head says of the caller's limits, if there are limits."""
        standing = self.openings[0].standing
        return limit_fields(standing, scope["path"]) if standing else {}

    def _leave(self, _: object) -> None:
        for opening in self.openings:
            opening.stream.fail(Code.CANCELLED)


async def _disconnected(receive: Receive) -> None:
    """Return when the client has left; without reading it, ASGI would never say."""
    while (await receive())["type"] != "http.disconnect":
        pass
