"""Asks an edge for a stream, and reads it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from httpx_sse import EventSource

PATH = "/api/v1/ai/generate"
KEY_VARIABLE = "TOKEN_RELAY_KEY"  # no flag: the command lines of processes are no secret
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
    address, headers = url.rstrip("/") + PATH, {"accept": "text/event-stream"} | _key()
    with (
        _trouble_said(url),
        httpx.Client(timeout=TIMEOUT) as client,
        client.stream("POST", address, json=request, headers=headers) as response,
    ):
        if response.status_code != 200:
            raise StreamError(_refusal(response))
        yield _events(response)


def models(url: str) -> list[str]:
    """The names of the models that an edge's workers serve.

    Raises:
        StreamError: The edge can not be reached, or refuses, or is none.
    """
    with _trouble_said(url):
        answer = httpx.get(f"{url.rstrip('/')}/v1/models", headers=_key(), timeout=TIMEOUT)
    if answer.status_code != 200:
        raise StreamError(_refusal(answer))
    with _sense_made():
        return [str(model["id"]) for model in answer.json()["data"]]


def _key() -> dict[str, str]:
    """The header with the user's API key, if there is one."""
    key = os.environ.get(KEY_VARIABLE, "")
    return {"authorization": f"Bearer {key}"} if key else {}


@contextmanager
def _trouble_said(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StreamError(f"{url}: {str(error) or type(error).__name__}") from error


@contextmanager
def _sense_made() -> Iterator[None]:
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        raise StreamError("What answers there is no edge: its answer makes no sense.") from error


def _events(response: httpx.Response) -> Iterator[StreamEvent]:
    with _sense_made():
        yield from _read(response)


def _read(response: httpx.Response) -> Iterator[StreamEvent]:
    for event in EventSource(response).iter_sse():
        data = dict(json.loads(event.data))
        if event.event == "error":
            raise StreamError(f"{data['error']} ({data['code']})")
        final = event.event == "message" and data["isFinal"]
        yield StreamEvent(event.event, data)
        if final:
            return
    raise StreamError("The connection ended before the answer did.")


def _refusal(response: httpx.Response) -> str:
    body = response.read()
    try:
        problem = json.loads(body)
        if "error" in problem:  # as OpenAI has it
            return f"{response.status_code}: {problem['error']['message']}"
        field = f" ({problem['field']})" if "field" in problem else ""
        return f"{response.status_code}: {problem['detail']}{field}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}"
