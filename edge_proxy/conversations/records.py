"""What is kept of conversations, as the rest of the edge sees it: shapes without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Of a message. What a user says is complete from the beginning."""

    RUNNING = "running"  # a reply that somebody is still writing
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # it ends where its reader, its worker or its edge left
    FAILED = "failed"  # the model did, or took too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who is talked to. `sampling` and `engine_options` are those of its requests; instants are Unix seconds."""

    id: str
    name: str
    system_prompt: str = ""
    greeting: str = ""
    model: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    engine_options: Mapping[str, str] = field(default_factory=dict)
    created_s: float = 0.0
    updated_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation with an agent. `messages` and `tokens` count those of its messages that do not run any more."""

    id: str
    agent_id: str
    title: str = ""
    streaming: bool = True
    messages: int = 0
    tokens: int = 0
    created_s: float = 0.0
    updated_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a session; `position` counts them from 0, the agent's greeting included."""

    id: str
    position: int
    role: str
    text: str
    state: State = State.COMPLETE
    finish_reason: str = ""
    error_code: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    generation_id: str = ""
    created_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What an agent's sessions come to."""

    sessions: int
    messages: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A turn as its client asks for it. The ids are its own, made before anything is kept.

    `new` says that no session was named, and one of that id is to be made.
    """

    owner: str
    agent_id: str
    session_id: str
    new: bool
    message_id: str
    reply_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A turn that may go to the model: what came before it, the oldest first."""

    agent: Agent
    session: Session
    earlier: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A turn that somebody comes back to."""

    session: Session
    message_id: str
    reply_id: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a reply has ended, and all its text."""

    state: State
    text: str
    generation_id: str = ""
    finish_reason: str = ""
    error_code: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
