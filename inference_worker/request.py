"""A request as engines see it, and the rules it must keep whoever sent it.

The worker is a public gRPC service: it checks all of this although an edge has checked it before.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inference_worker.label import Channel, Label, ToolCall
from inference_worker.status import invalid
from protos import inference_pb2 as pb

PIPELINES = ("ask", "agent_single", "agent_multi")  # staged answers: a function of each name in `pipelines.plans`
ROLES = ("system", "user", "assistant", "tool")
MAX_TOKENS = 1_000_000  # no model here has a context beyond it; more is a slip
MAX_STOPS = 16  # each is searched for at every token
MAX_STOP_CHARS = 256
MAX_MIN_CHUNK_CHARS = 4_096
TRACE_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, 3.2
MAX_ID_CHARS = 128  # of a generation: a worker's id of 32, and 24 more


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str
    tool_calls: tuple[Any, ...] = ()
    tool_call_id: str = ""
    name: str = ""


class Piece(NamedTuple):
    """A piece of text that was said before, and the index behind it; its label, where that is another than before."""

    text: str
    next_index: int
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One generation to make: a conversation, or raw text to go on from. None leaves a value to the engine.

    `input_field` is what the caller called the input: "prompt" or "messages". `extras` are more of what OpenAI's API
    can ask for, by its names there. `asked` is the message that it was read from, where that may be wanted again.
    `pipeline` names a staged answer ("": it is none), of `max_rounds` rounds at most (0: the worker's own bound). What
    it asks an engine for has `stage` and `round` instead: which stage asks, and for the how manyeth time.
    """

    model: str = ""
    raw_prompt: str = ""
    messages: tuple[Message, ...] = ()
    input_field: str = "prompt"
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    min_chunk_chars: int = 0
    timeout_s: float | None = None
    resume_window_s: float = 0.0
    continued_text: str = ""
    first_index: int = 0
    pieces: tuple[Piece, ...] = ()
    generation_id: str = ""
    trace_parent: str = ""
    owner: str = ""
    pipeline: str = ""
    max_rounds: int = 0
    stage: str = ""
    round: int = 0
    asked: bytes = field(default=b"", compare=False)
    engine_options: dict[str, str] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)


def parse(request: pb.GenerateRequest) -> Request:
    """The request as engines see it.

    Raises:
        Refused: INVALID_ARGUMENT with the name of the field that is wrong.
    """
    _check_input(request)
    sampling = request.sampling
    _check_sampling(sampling)
    if request.min_chunk_chars > MAX_MIN_CHUNK_CHARS:
        raise invalid("min_chunk_chars", f"At most {MAX_MIN_CHUNK_CHARS} characters can be held.")
    messages = _messages(request)
    _check_continuation(request.continuation)
    _check_pipeline(request)
    return Request(
        model=request.model,
        raw_prompt=request.prompt if request.raw_prompt else "",
        messages=messages,
        input_field="messages" if request.messages else "prompt",
        max_tokens=sampling.max_tokens if sampling.HasField("max_tokens") else None,
        temperature=sampling.temperature if sampling.HasField("temperature") else None,
        top_p=sampling.top_p if sampling.HasField("top_p") else None,
        seed=sampling.seed if sampling.HasField("seed") else None,
        stop=tuple(sampling.stop),
        min_chunk_chars=request.min_chunk_chars,
        timeout_s=request.timeout_ms / 1000 or None,
        resume_window_s=request.resume_window_ms / 1000,
        continued_text=request.continuation.text,
        first_index=request.continuation.next_index,
        pieces=_pieces(request.continuation),
        generation_id=request.continuation.generation_id,
        trace_parent=_trace_parent(request.trace_parent),
        owner=request.owner,
        pipeline=request.pipeline,
        max_rounds=request.max_rounds,
        asked=request.SerializeToString() if request.resume_window_ms else b"",
        engine_options=dict(request.engine_options),
        extras={name: _json(name, text) for name, text in request.extras.items()},
    )


def _check_pipeline(request: pb.GenerateRequest) -> None:
    if not request.pipeline:
        return
    if request.pipeline not in PIPELINES:
        raise invalid("pipeline", f"A pipeline is one of {', '.join(PIPELINES)}.")
    if request.continuation.text and not request.continuation.pieces:
        raise invalid("continuation.pieces", "A staged answer is gone on with from its pieces.")
    refused = {"raw_prompt": request.raw_prompt, "stop": request.sampling.stop, **request.extras}
    for name, given in refused.items():
        if given:
            raise invalid(name, "A staged answer can not have this.")


def _trace_parent(header: str) -> str:
    """The header, if it is one; where a trace is lost, no generation is."""
    return header if TRACE_PARENT.fullmatch(header) else ""


def _check_input(request: pb.GenerateRequest) -> None:
    if bool(request.prompt) == bool(request.messages):
        raise invalid("prompt", "Give either a prompt or messages.")
    _check_text("prompt", request.prompt)
    for number, message in enumerate(request.messages):
        if message.role not in ROLES:
            raise invalid(f"messages[{number}].role", f"A role is one of {', '.join(ROLES)}.")
        for name in ("content", "tool_call_id", "name"):
            _check_text(f"messages[{number}].{name}", getattr(message, name))


def _messages(request: pb.GenerateRequest) -> tuple[Message, ...]:
    if request.prompt and not request.raw_prompt:
        return (Message("user", request.prompt),)
    return tuple(_message(number, message) for number, message in enumerate(request.messages))


def _message(number: int, message: pb.ChatMessage) -> Message:
    name = f"messages[{number}].tool_calls"
    calls = _json(name, message.tool_calls) if message.tool_calls else []
    if not isinstance(calls, list):
        raise invalid(name, "The calls are a list.")
    return Message(message.role, message.content, tuple(calls), message.tool_call_id, message.name)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(name, "The value is not JSON.") from None


def _check_continuation(continuation: pb.Continuation) -> None:
    _check_text("continuation.text", continuation.text)
    if continuation.next_index > MAX_TOKENS:
        raise invalid("continuation.next_index", f"A generation has at most {MAX_TOKENS:,} tokens.")
    if len(continuation.generation_id) > MAX_ID_CHARS or not continuation.generation_id.isascii():
        raise invalid("continuation.generation_id", "This is no id of a generation.")


def _pieces(continuation: pb.Continuation) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    place = index = 0
    for piece in continuation.pieces:
        if piece.next_index <= index:
            raise invalid("continuation.pieces", "Their indices do not rise.")
        label = read_label(piece.label) if piece.HasField("label") else None
        pieces.append(Piece(continuation.text[place : place + piece.chars], piece.next_index, label))
        place, index = place + piece.chars, piece.next_index
    if pieces and (place, index) != (len(continuation.text), continuation.next_index):
        raise invalid("continuation.pieces", "Together they are not the text so far.")
    return tuple(pieces)


def read_label(message: pb.Label) -> Label:
    """What text is, as the proto says it.

    Raises:
        Refused: In words that this worker does not know.
    """
    try:
        channel = Channel(message.channel)
    except ValueError:
        raise invalid("continuation.pieces", "One has a label that is not known here.") from None
    call = message.tool_call
    named = ToolCall(call.index, call.id, call.name) if message.HasField("tool_call") else None
    return Label(channel, message.stage, named)


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise invalid(name, "Text must not contain NUL.")


def _check_sampling(sampling: pb.Sampling) -> None:
    if sampling.HasField("max_tokens") and not 1 <= sampling.max_tokens <= MAX_TOKENS:
        raise invalid("max_tokens", f"From 1 to {MAX_TOKENS:,} tokens can be asked for.")
    # Written so that NaN fails: every comparison with it is false.
    if not (0 <= sampling.temperature <= 2 and math.isfinite(sampling.temperature)):
        raise invalid("temperature", "The temperature is from 0 to 2.")
    if sampling.HasField("top_p") and not 0 < sampling.top_p <= 1:
        raise invalid("top_p", "top_p is above 0, and at most 1.")
    if len(sampling.stop) > MAX_STOPS:
        raise invalid("stop", f"At most {MAX_STOPS} stop strings can be given.")
    for number, stop in enumerate(sampling.stop):
        if not 1 <= len(stop) <= MAX_STOP_CHARS:
            raise invalid(f"stop[{number}]", f"A stop string has 1 to {MAX_STOP_CHARS} characters.")
        _check_text(f"stop[{number}]", stop)
