"""A short way in: requests that need nothing of FastAPI but its documentation do not pass through it.

Its layers (matching, dependencies, exit stacks) are a fifth of what opening a stream costs the edge. A route whose
address is fixed and whose function takes the request alone is called here: the same function, with the same answers.
"""

import inspect

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


def with_shortcut(api: FastAPI) -> ASGIApp:
    """The app, with a short way to the functions that it need not prepare anything for.

    Errors end in the handlers that the app has for them, as they do on the long way.
    """
    endpoints = {
        (method, route.path): route.endpoint
        for route in api.routes
        if isinstance(route, APIRoute) and _takes_the_request_alone(route)
        for method in route.methods or ()
    }

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoints[scope["method"], scope["path"]](Request(scope, receive, send))
        await response(scope, receive, send)

    handlers = dict(api.exception_handlers)
    unforeseen = handlers.pop(Exception)
    short = ServerErrorMiddleware(ExceptionMiddleware(call, handlers), handler=unforeseen)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] == "http" and (scope["method"], scope["path"]) in endpoints
        await (short if known else api)(scope, receive, send)

    return app


def _takes_the_request_alone(route: APIRoute) -> bool:
    return "{" not in route.path and list(inspect.signature(route.endpoint).parameters) == ["request"]
