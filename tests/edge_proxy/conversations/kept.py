"""Agents, sessions and turns for tests."""

from itertools import count
from typing import Any

from edge_proxy.conversations.records import Agent, Asked, Begun, Reply, State
from edge_proxy.conversations.store import Store

NUMBERS = count(1)


def agent(**fields: Any) -> Agent:
    given: dict[str, Any] = {"name": "Owl", "created_s": 1.0, "updated_s": 1.0} | fields
    return Agent(id=f"agent_{next(NUMBERS)}", **given)


def asked(of: Agent, session_id: str | None = None, *, owner: str = "alice", text: str = "Hello?") -> Asked:
    number = next(NUMBERS)
    return Asked(
        owner=owner,
        agent_id=of.id,
        session_id=session_id or f"session_{number}",
        new=session_id is None,
        message_id=f"message_{number}",
        reply_id=f"reply_{number}",
        text=text,
    )


def reply(text: str = "Hoo.", state: State = State.COMPLETE, **fields: Any) -> Reply:
    return Reply(state=state, text=text, **{"prompt_tokens": 3, "completion_tokens": 2} | fields)


async def turn(store: Store, of: Agent, session_id: str | None = None, *, text: str = "Hello?") -> tuple[Asked, Begun]:
    """One that is over."""
    made = asked(of, session_id, text=text)
    begun = await store.begin(made)
    await store.keep(made.reply_id, reply(f"Re: {text}"))
    return made, begun


async def recount(store: Store, of: Agent, *, owner: str = "alice") -> tuple[int, int, int]:
    """Sessions, messages and tokens, counted from the messages themselves."""
    sessions, _ = await store.sessions(owner, of.id, before=0, limit=200)
    messages = tokens = 0
    for session in sessions:
        _, page, _ = await store.session(owner, session.id, after=-1, limit=200)
        over = [message for message in page if message.state is not State.RUNNING]
        messages += len(over)
        tokens += sum(message.prompt_tokens + message.completion_tokens for message in over)
    return len(sessions), messages, tokens
