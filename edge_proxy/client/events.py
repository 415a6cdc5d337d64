"""Asks an edge for a stream, and reads it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from httpx_sse import EventSource

PATH = "/api/v1/ai/generate"
TIMEOUT = httpx.Timeout(10, read=60)  # a ping comes every 15 s


class StreamError(Exception):
    """There is no answer, or no more of it; the message says why, for a person."""


class StreamEvent(NamedTuple):
    """One event, and what its data says."""

    name: str
    data: Mapping[str, Any]


@contextmanager
def stream(url: str, request: Mapping[str, Any]) -> Iterator[Iterator[StreamEvent]]:
    """The events of one generation. Leaving the context stops it.

    Args:
        url: The edge's, such as http://127.0.0.1:8080.
        request: The native dialect's body.

    Raises:
        StreamError: The edge can not be reached, or refuses; and from the iterator: the generation failed, or the
            connection broke before its end.
    """
    try:
        with (
            httpx.Client(timeout=TIMEOUT) as client,
            client.stream("POST", url + PATH, json=request, headers={"accept": "text/event-stream"}) as response,
        ):
            if response.status_code != 200:
                raise StreamError(_refusal(response))
            yield _events(response)
    except httpx.HTTPError as error:
        raise StreamError(f"{url}: {error or type(error).__name__}") from error


def models(url: str) -> list[str]:
    """The names of the models that an edge's workers serve.

    Raises:
        StreamError: The edge can not be reached.
    """
    try:
        answer = httpx.get(f"{url}/v1/models", timeout=TIMEOUT)
        return [model["id"] for model in answer.raise_for_status().json()["data"]]
    except httpx.HTTPError as error:
        raise StreamError(f"{url}: {error or type(error).__name__}") from error


def _events(response: httpx.Response) -> Iterator[StreamEvent]:
    for event in EventSource(response).iter_sse():
        data = json.loads(event.data)
        if event.event == "error":
            raise StreamError(f"{data['error']} ({data['code']})")
        yield StreamEvent(event.event, data)
        if event.event == "message" and data["isFinal"]:
            return
    raise StreamError("The connection ended before the answer did.")


def _refusal(response: httpx.Response) -> str:
    body = response.read()
    try:
        problem = json.loads(body)
        field = f" ({problem['field']})" if "field" in problem else ""
        return f"{response.status_code}: {problem['detail']}{field}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}"
