"""Turns whatever ends a request before its stream into one response, in the words of the error table."""

import logging
from collections.abc import Sequence

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.quota import Left
from edge_proxy.dialects import native, openai, rate_limit

log = logging.getLogger(__name__)

OPENAI_PATHS = "/v1/"
RETRY_AFTER_S = 1  # of 429 and 503: streams end all the time, and a worker is back within two seconds
SDK_PATIENCE_S = 60  # OpenAI's SDKs come back when they like if they are told to wait for longer
STATUS_CODES = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}


def add_problem_handlers(app: FastAPI) -> None:
    """Have refusals, the router's own errors and unforeseen ones answered alike."""
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_exception)


def response(failure: Failure, request: HTTPConnection) -> Response:
    """The response that says `failure`, in the words of the address that was asked; noted as its end."""
    request.scope.setdefault("state", {})["refused"] = failure.code
    if failure.code is Code.ENDED:  # the one way to tell `EventSource` not to come back
        return Response(status_code=failure.status)
    after_s = rate_limit.retry_after_s(failure.standing) if failure.standing else RETRY_AFTER_S
    headers = {"retry-after": str(after_s)} if failure.status in (429, 503) else {}
    headers |= limit_fields(failure.standing, request.url.path)
    if failure.code is Code.SERVER_DRAINING:
        headers["connection"] = "close"  # so that the next attempt may reach another edge
    if failure.code is Code.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"  # RFC 9110, section 11.6.1
    if request.url.path.startswith(OPENAI_PATHS):
        media_type, body = openai.refusal(failure)
        worth_it = failure.retryable and after_s <= SDK_PATIENCE_S
        headers["x-should-retry"] = str(worth_it).lower()  # or the SDKs go by the status alone
    else:
        media_type, body = native.refusal(failure, request_id=request.scope["state"]["request_id"])
    return Response(body, failure.status, headers, media_type)


async def refuse(failure: Failure, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer so, where there is no app that does: a request, or an upgrade that has been received."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await response(failure, HTTPConnection(scope))(scope, receive, send)
    else:
        scope.setdefault("state", {})["refused"] = failure.code
        await send({"type": "websocket.close"})  # which is a 403


def limit_fields(standing: Sequence[Left], path: str) -> dict[str, str]:
    """What a response says of its caller's limits, in the words of the address that was asked."""
    return rate_limit.fields(standing, openai=path.startswith(OPENAI_PATHS))


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for that
    return response(error.failure, request)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that
    answer = response(Failure(STATUS_CODES.get(error.status_code, Code.INVALID_REQUEST)), request)
    if error.status_code == 405:
        answer.headers["allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """What the address of a request can be asked by. The router names only those of its first route there."""
    methods: set[str] = set()
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods)


async def _on_exception(request: Request, error: Exception) -> Response:
    """Starlette logs the error, with its traceback; the client learns only that there was one."""
    return response(Failure(Code.INTERNAL_ERROR), request)
