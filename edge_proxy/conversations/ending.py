"""How a reply ended, and whether another ending of it may take that one's place.

    what has ended it                                             state
    -----------------------------------------------------------   -----------
    the model, a stop string, or a bound on its length             complete
    its reader left, it was stopped, its worker or edge went away  interrupted
    the model failed, or nothing came for too long                 failed

A reply can have several readers, and each of their edges says how it ended. What is complete stays so. Anything else
gives way to what is complete, and to more text: who comes back to it may read on.
"""

from edge_proxy.conversations.records import Reply, State
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Outcome

INTERRUPTING = {Code.CANCELLED, Code.SERVER_DRAINING, Code.WORKER_LOST, Code.UNAUTHENTICATED}


def reply(ending: Outcome | Failure, text: str, *, tokens: int, generation_id: str) -> Reply:
    """What is kept of a reply that ended so; `tokens` are those that have come."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL keeps no NUL, and nobody wants to read one
    if isinstance(ending, Outcome):
        usage = ending.usage
        return Reply(
            state=State.COMPLETE,
            text=text,
            generation_id=generation_id,
            finish_reason=ending.finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )
    return Reply(
        state=State.INTERRUPTED if ending.code in INTERRUPTING else State.FAILED,
        text=text,
        generation_id=generation_id,
        error_code=ending.code,
        completion_tokens=tokens,
    )


def replaces(new: Reply, *, state: State, text: str) -> bool:
    """Whether `new` is to be kept instead of a reply of that state and text."""
    if state is State.RUNNING:
        return True
    if state is State.COMPLETE:
        return False
    return new.state is State.COMPLETE or len(new.text) > len(text)


def shown(state: State, *, until_s: float, now_s: float) -> State:
    """A message's state as of now: what runs is interrupted if nobody has said for too long that it does."""
    return State.INTERRUPTED if state is State.RUNNING and until_s < now_s else state
