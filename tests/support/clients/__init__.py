"""Real clients, as their users have them, in one shape: asked the same, they are to see the same.

`CLIENTS` is the table that scenarios are run over. A client is a row here and an adapter that is as short as its
documentation's own example, and forgives nothing.
"""

from typing import NamedTuple

from tests.support.clients import httpx_sse_reader, langchain_chat, openai_python
from tests.support.clients.javascript import script
from tests.support.clients.shape import Ask, Drive, Error, Seen

__all__ = ["CLIENTS", "WHOLE", "Ask", "Client", "Error", "Seen"]


class Client(NamedTuple):
    """One client.

    Attributes:
        drive: Asks an edge.
        wrong_model: The client's error when it asks for a model that is none: a status, 404.
        wrong_field: Its error when a field is wrong: a status, 400.
        broken: Its error when the engine fails within the stream.
        native: It reads the native dialect, in which pings and ids are events' own.
    """

    drive: Drive
    wrong_model: Error
    wrong_field: Error
    broken: Error
    native: bool = False


def _openai(drive: Drive, wrong_model: str, wrong_field: str, broken: str) -> Client:
    """A client of OpenAI's dialect, and its errors' types."""
    return Client(
        drive,
        Error(type=wrong_model, status=404, code="model_not_found"),
        Error(type=wrong_field, status=400, code="invalid_request"),
        Error(type=broken, code="generation_error"),
    )


def _sdk(drive: Drive) -> Client:
    return _openai(drive, "NotFoundError", "BadRequestError", "APIError")


def _langchain(drive: Drive) -> Client:
    return _openai(drive, "OpenAIModelNotFoundError", "OpenAIInvalidRequestError", "APIError")


def _native(drive: Drive, *, refused: str, broken: str, tells_codes: bool = True) -> Client:
    """A client of Server-Sent Events. `refused` and `broken` are its errors' types, `tells_codes` of refusals."""
    return Client(
        drive,
        Error(type=refused, status=404, code="NOT_FOUND" if tells_codes else None),
        Error(type=refused, status=400, code="INVALID_REQUEST" if tells_codes else None),
        Error(type=broken, code="GENERATION_ERROR"),
        native=True,
    )


CLIENTS = {
    "openai-python": _sdk(openai_python.sync_client),
    "openai-python async": _sdk(openai_python.async_client),
    "openai-node": _sdk(script("openai.mjs")),
    "langchain": _langchain(langchain_chat.sync_model),
    "langchain async": _langchain(langchain_chat.async_model),
    "ai-sdk": _openai(script("ai_sdk.mjs"), "APICallError", "APICallError", "StreamProviderError"),
    "eventsource": _native(script("event_source.mjs"), refused="ErrorEvent", broken="MessageEvent", tells_codes=False),
    "fetch-event-source": _native(script("fetch_event_source.mjs"), refused="Refused", broken="Broken"),
    "stream-chat": _native(script("stream_chat.mjs"), refused="refused", broken="failed"),
    "httpx-sse": _native(httpx_sse_reader.client, refused="HTTPStatusError", broken="error event"),
}
WHOLE = [name for name, client in CLIENTS.items() if not client.native]  # can have an answer in one piece
