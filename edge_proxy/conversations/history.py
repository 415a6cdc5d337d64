"""What of a conversation a model gets: as much as its context has room for, the newest turns, each whole.

    system prompt   always
    greeting        if there is room for all that follows it, too
    earlier turns   from the newest on, as long as there is room; what was asked goes only with what was answered
    what is said    always

Nobody here knows the model's tokens, so they are estimated, and rather too many than too few: a request that does not
fit is refused by the worker, and a turn more or less in its memory is not noticed. Replies were counted by a worker.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge_proxy.conversations.records import Message as Kept
from edge_proxy.core.request import Message

BYTES_PER_TOKEN = 2  # of UTF-8: half of what is usual in English, and what is usual where characters have three
COUNTED_BYTES_PER_TOKEN = 4  # at most, of what was counted: perhaps by another model
MESSAGE_TOKENS = 8  # what a chat template puts around each
ANSWER_SHARE = 4  # of the context, one part in so many is for an answer whose length is not bounded


class _Turn(NamedTuple):
    """What belongs together."""

    messages: tuple[Message, ...]
    tokens: int


def fit(
    system_prompt: str, earlier: Sequence[Kept], said: str, *, context_tokens: int, max_tokens: int | None
) -> tuple[Message, ...]:
    """The messages for the model.

    Args:
        system_prompt: The agent's; empty for none.
        earlier: The session's messages so far, the oldest first.
        said: What the user says now.
        context_tokens: Of prompt and answer together; 0: there is no bound.
        max_tokens: Of the answer; None: there is no bound.
    """
    system = (Message("system", system_prompt),) if system_prompt else ()
    user = Message("user", said)
    turns = list(_turns(earlier))
    if context_tokens:
        answer = min(max_tokens or context_tokens, context_tokens // ANSWER_SHARE)
        room = context_tokens - answer - sum(_tokens(message.content) for message in (*system, user))
        turns = _newest(turns, room)
    return (*system, *(message for turn in turns for message in turn.messages), user)


def _turns(earlier: Sequence[Kept]) -> Iterator[_Turn]:
    """A question and its answer each, or a greeting. What was never answered is left out."""
    asked: Kept | None = None
    for message in earlier:
        if message.role == "user":
            asked = message
            continue
        if message.text and asked:
            said = Message("user", asked.text), Message("assistant", message.text)
            yield _Turn(said, _tokens(asked.text) + _tokens(message.text, counted=message.completion_tokens))
        elif message.text and message.position == 0:
            yield _Turn((Message("assistant", message.text),), _tokens(message.text))
        asked = None


def _newest(turns: Sequence[_Turn], room: int) -> list[_Turn]:
    kept: list[_Turn] = []
    for turn in reversed(turns):
        room -= turn.tokens
        if room < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _tokens(text: str, *, counted: int = 0) -> int:
    size = len(text.encode())
    estimated = max(counted, size // COUNTED_BYTES_PER_TOKEN) if counted else -(-size // BYTES_PER_TOKEN)
    return MESSAGE_TOKENS + estimated
