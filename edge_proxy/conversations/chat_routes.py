"""Turns over HTTP: what a user says goes in, the agent's reply comes out, streamed or in one piece."""

from fastapi import FastAPI, Request, Response

from edge_proxy.conversations.documented import documented_turn
from edge_proxy.conversations.response import TurnStream, TurnWhole
from edge_proxy.conversations.talk import Talk
from edge_proxy.conversations.turn import NewTurn, ResumedTurn
from edge_proxy.core.cursor import parse
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.dialects.agent_request import ChatBody, parse_turn
from edge_proxy.downstream.authentication import caller_of
from edge_proxy.downstream.body import read_json
from edge_proxy.downstream.resuming import last_event_id
from edge_proxy.downstream.streams import Streams

PATH = "/api/agents/{agent_id}/chat"


def add_chat_routes(app: FastAPI, streams: Streams, talk: Talk, *, max_body_bytes: int, resume_window_s: float) -> None:
    """Have the app answer them with these streams."""

    async def respond(request: Request, agent_id: str, *, streamed: bool) -> Response:
        caller = caller_of(request)
        cursor = last_event_id(request)
        if cursor:
            resumed = ResumedTurn(talk, caller.owner, agent_id)
            return TurnStream(streams.resume(parse(cursor), caller, resumed.through), resumed)
        body = parse_turn(await read_json(request, max_bytes=max_body_bytes))
        turn = NewTurn(talk, talk.asked(caller.owner, agent_id, body.session_id, body.message))
        asked = GenerationRequest(
            caller=caller,
            messages=(Message("user", body.message),),  # all that is known before it is admitted
            session=turn.dialect.session_id,
            resume_window_s=resume_window_s if body.resumable else 0.0,
        )
        openings = streams.open([asked], turn.through)
        return (TurnStream if _streams(body, streamed) else TurnWhole)(openings, turn)

    @app.post(PATH + "/stream", response_class=Response, **documented_turn(ChatBody))
    async def chat_stream(agent_id: str, request: Request) -> Response:
        """Say something to an agent; its reply is streamed. Or go on from `Last-Event-ID`."""
        return await respond(request, agent_id, streamed=True)

    @app.post(PATH, response_class=Response, **documented_turn(ChatBody))
    async def chat(agent_id: str, request: Request) -> Response:
        """Say something to an agent; its reply comes in one piece, unless `stream` is true."""
        return await respond(request, agent_id, streamed=False)


def _streams(body: ChatBody, streamed: bool) -> bool:
    return streamed if body.stream is None else body.stream
