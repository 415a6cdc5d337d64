"""What the document of the API says of routes of conversations: what they take, and the shapes of what they answer."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from edge_proxy.conversations.records import State
from edge_proxy.downstream.documented import BODIES, COUNT, EVENTS, STREAMS, TEXT, Responses, answer, exactly, refusals
from edge_proxy.downstream.resuming import PARAMETERS, RESUMED
from edge_proxy.downstream.schemas import body_schema, query_schema

PERHAPS: Mapping[str, Any] = {"type": ["string", "null"]}
PLACE: Mapping[str, Any] = {
    "type": ["integer", "null"],
    "description": "Where the next page begins; null: there is none.",
}
INSTANT: Mapping[str, Any] = {"type": "string", "format": "date-time"}
OBJECT: Mapping[str, Any] = {"type": "object"}
AGENT = {
    **dict.fromkeys(("id", "name", "system_prompt", "greeting", "model"), TEXT),
    "sampling": OBJECT,
    "engine_options": OBJECT,
    "created_at": INSTANT,
    "updated_at": INSTANT,
}
SESSION = {
    **dict.fromkeys(("id", "agent_id", "title"), TEXT),
    "streaming": {"type": "boolean"},
    "message_count": COUNT,
    "token_count": COUNT,
    "created_at": INSTANT,
    "updated_at": INSTANT,
}
MESSAGE = {
    "id": TEXT,
    "position": COUNT,
    "role": {"enum": ["user", "assistant"]},
    "text": TEXT,
    "state": {"enum": [str(state) for state in State]},
    "finish_reason": PERHAPS,
    "error_code": PERHAPS,
    "prompt_tokens": COUNT,
    "completion_tokens": COUNT,
    "generation_id": PERHAPS,
    "created_at": INSTANT,
}
TURN = exactly(
    type={"const": "done"},
    content=TEXT,
    session_id=TEXT,
    message_id=TEXT,
    reply_id=TEXT,
    metadata=exactly(model=TEXT, tokens_used=COUNT, prompt_tokens=COUNT, completion_tokens=COUNT),
    finish_reason=TEXT,
    error={"type": "null"},
)
AN_AGENT = answer("The agent.", **AGENT)
AGENTS = answer("A page of them.", agents={"type": "array", "items": exactly(**AGENT)}, next=PLACE)
STATS = answer("What they come to.", agent_id=TEXT, sessions=COUNT, messages=COUNT, tokens=COUNT)
A_SESSION = answer("The session.", **SESSION)
SESSIONS = answer("A page of them.", sessions={"type": "array", "items": exactly(**SESSION)}, next=PLACE)
A_CONVERSATION = answer(
    "The session, and a page of its messages.",
    **SESSION,
    messages={"type": "array", "items": exactly(**MESSAGE)},
    next=PLACE,
)
NOTHING = {"description": "It is gone."}
KEPT = (400, 404, 409, 501, 503)  # a database is asked; 409: somebody else changes the same


def documented(
    responses: Responses, body: type[BaseModel] | None = None, *, query: type[BaseModel] | None = None
) -> dict[str, Any]:
    """How a route about what is kept is added: what it answers, and what it takes."""
    extra: dict[str, Any] = {}
    if body:
        extra["requestBody"] = body_schema(body)
    if query:
        extra["parameters"] = query_schema(query)
    refused = refusals(*KEPT, *(BODIES if body else ()))
    return {"tags": ["conversations"], "responses": refused | responses, "openapi_extra": extra}


def documented_turn(body: type[BaseModel]) -> dict[str, Any]:
    """How a route for turns is added."""
    said = {
        "description": "Events of type `content`, ended by one of type `done`, or `error`; or all of it as one object.",
        "content": {"text/event-stream": EVENTS, "application/json": {"schema": TURN}},
    }
    return {
        "tags": ["conversations"],
        "responses": {200: said} | RESUMED | refusals(*STREAMS, *BODIES),
        "openapi_extra": {"parameters": PARAMETERS, "requestBody": body_schema(body)},
    }
