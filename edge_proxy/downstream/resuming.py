"""A request that comes back for a generation goes on with it; any other starts one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request

from edge_proxy.core.cursor import SHAPE, parse
from edge_proxy.core.errors import ERRORS, Code
from edge_proxy.core.request import GenerationRequest
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.documented import Responses, refusals
from edge_proxy.downstream.opening import Opening
from edge_proxy.downstream.streams import Streams

HEADER = "last-event-id"  # what `EventSource` sends by itself when it reconnects: WHATWG HTML, section 9.2.4
FIELD = "last_event_id"  # for who can not set headers
PARAMETERS = [
    {
        "name": name,
        "in": place,
        "description": "The id of the last event that was read: go on behind it.",
        "schema": {"type": "string", "pattern": f"^{SHAPE.pattern}$"},
    }
    for name, place in (("Last-Event-ID", "header"), (FIELD, "query"))
]
RESUMED: Responses = refusals(410) | {204: {"description": ERRORS[Code.ENDED].message}}

Read = Callable[[Request], Awaitable[GenerationRequest]]


async def openings(request: Request, streams: Streams, read: Read) -> list[Opening]:
    """The stream that the request is to have: from where it says that it stands, or what `read` finds it to ask for.

    A request that says where it stands never starts a generation, whatever else it says.

    Raises:
        Refused: INVALID_REQUEST, or the stream may not start.
    """
    stands_at = last_event_id(request)
    if stands_at:
        return streams.resume(parse(stands_at), caller_of(request))
    return streams.open([replace(await read(request), caller=caller_of(request))])


def last_event_id(request: Request) -> str | None:
    """The id of the last event that its client has had, if it says so."""
    return request.headers.get(HEADER) or request.query_params.get(FIELD)
