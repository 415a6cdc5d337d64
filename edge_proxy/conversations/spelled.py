"""What is kept, as JSON objects for clients."""

from datetime import UTC, datetime
from typing import Any

from edge_proxy.conversations.records import Agent, Message, Session, Stats


def agent(kept: Agent) -> dict[str, Any]:
    """An agent."""
    return {
        "id": kept.id,
        "name": kept.name,
        "system_prompt": kept.system_prompt,
        "greeting": kept.greeting,
        "model": kept.model,
        "sampling": dict(kept.sampling),
        "engine_options": dict(kept.engine_options),
        "created_at": instant(kept.created_s),
        "updated_at": instant(kept.updated_s),
    }


def session(kept: Session) -> dict[str, Any]:
    """A session, without its messages."""
    return {
        "id": kept.id,
        "agent_id": kept.agent_id,
        "title": kept.title,
        "streaming": kept.streaming,
        "message_count": kept.messages,
        "token_count": kept.tokens,
        "created_at": instant(kept.created_s),
        "updated_at": instant(kept.updated_s),
    }


def message(kept: Message) -> dict[str, Any]:
    """One of its messages."""
    return {
        "id": kept.id,
        "position": kept.position,
        "role": kept.role,
        "text": kept.text,
        "state": kept.state,
        "finish_reason": kept.finish_reason or None,
        "error_code": kept.error_code or None,
        "prompt_tokens": kept.prompt_tokens,
        "completion_tokens": kept.completion_tokens,
        "generation_id": kept.generation_id or None,
        "created_at": instant(kept.created_s),
    }


def stats(agent_id: str, kept: Stats) -> dict[str, Any]:
    """What an agent's sessions come to."""
    return {"agent_id": agent_id, "sessions": kept.sessions, "messages": kept.messages, "tokens": kept.tokens}


def instant(unix_s: float) -> str:
    """As RFC 3339, section 5.6, has it, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
