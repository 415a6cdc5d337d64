"""Gives out tickets, for who can not send a header with what it opens next: `EventSource` and WebSocket in browsers."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.documented import COUNT, TEXT, answer, refusals

PATH = "/api/v1/ai/tickets"


def add_ticket_routes(app: FastAPI, *, issue: Callable[[Caller], Awaitable[str]] | None, life_s: float) -> None:
    """Have the app give out tickets; without `issue`, say that it does not."""

    @app.post(
        PATH,
        tags=["native"],
        status_code=201,
        response_class=Response,
        responses=refusals(429, 501) | {201: answer("A ticket.", ticket=TEXT, expiresInSeconds=COUNT)},
    )
    async def ticket(request: Request) -> Response:
        """Give out a ticket, good once: who opens a stream or a WebSocket with `?ticket=` is who asked for it here."""
        if issue is None:
            raise Refused(
                Failure(
                    Code.NOT_SUPPORTED,
                    "There are several processes here, which share no tickets without EDGE_REDIS_URL.",
                )
            )
        answer = {"ticket": await issue(caller_of(request)), "expiresInSeconds": int(life_s)}
        return JSONResponse(answer, 201, {"cache-control": "no-store"})
