"""Refuses what is no message, by the code that says whose mistake it is.

gRPC's own answer is UNKNOWN, with a traceback in the log for each: whoever can reach the port could fill the log. Of a
call that carries many messages, the first that can not be read ends it.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import ServicerContext

UNREADABLE = object()  # in the place of a message
REFUSAL = grpc.StatusCode.INVALID_ARGUMENT, "The message can not be read."
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")

Context = ServicerContext[Any, Any]
Method = Callable[[Any, Context], Awaitable[Any]]


class RefuseUnreadable(grpc.aio.ServerInterceptor):
    """Stands before all methods of a server that are coroutines."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """See grpc.aio."""
        handler = await continuation(handler_call_details)
        kind = next((kind for kind in KINDS if handler and getattr(handler, kind)), "")
        if not kind or not inspect.iscoroutinefunction(method := getattr(handler, kind)):
            return handler
        guarded = _many(method) if handler.request_streaming else _one(method)
        return handler._replace(request_deserializer=_reader(handler.request_deserializer), **{kind: guarded})


def _reader(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return UNREADABLE

    return read


def _one(method: Method) -> Method:
    @wraps(method)
    async def guarded(request: Any, context: Context) -> Any:
        if request is UNREADABLE:
            await context.abort(*REFUSAL)
        return await method(request, context)

    return guarded


def _many(method: Method) -> Method:
    @wraps(method)
    async def guarded(requests: AsyncIterator[Any], context: Context) -> Any:
        refused = False

        async def readable() -> AsyncIterator[Any]:
            nonlocal refused
            async for request in requests:
                if request is UNREADABLE:
                    refused = True
                    return
                yield request

        answer = await method(readable(), context)
        if refused:
            await context.abort(*REFUSAL)
        return answer

    return guarded
