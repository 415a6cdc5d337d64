"""What a client asks for, whatever dialect it was asked in, and what it can ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_proxy.core.caller import ANYONE, Caller


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `tool_calls` are OpenAI's, as JSON; "" for none."""

    role: str
    content: str
    tool_calls: str = ""
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """What to generate: from a prompt (a user's message, or raw text to go on from) or from messages.

    None leaves a value to the worker, or to the edge's own settings.

    `resume_window_s` is how long the worker keeps the generation when its reader is gone; 0 cancels it at once.
    `batch_interval_s` is how the client wants its stream paced; the worker is told, so that it puts together in one
    piece what would be put together anyway. `extras` are more of what OpenAI's API can ask for, by its names there,
    each value as JSON. `impatient` says that the client set a limit of its own: not to keep it is no fault of a worker.
    Requests of one `session` go to one worker, as long as it has room. `pipeline` names the stages that the answer is
    made in ("": in none), `max_rounds` is how often they may begin again (0: as often as the worker lets).
    """

    model: str = ""
    prompt: str = ""
    raw_prompt: bool = False
    messages: tuple[Message, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    min_chunk_chars: int = 0
    timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    gap_timeout_s: float | None = None
    batch_interval_s: float | None = None
    resume_window_s: float = 0.0
    impatient: bool = False
    engine_options: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    pipeline: str = ""
    max_rounds: int = 0
    caller: Caller = ANYONE
    trace_parent: str = ""  # W3C Trace Context; "" for none


class Model(NamedTuple):
    """What a request can name, and the engine that runs it."""

    name: str
    engine: str
