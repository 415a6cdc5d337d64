"""Between what the edge says and what the wire says: requests into messages, endings and refusals out of them."""

import logging
from dataclasses import replace

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import ANSWER, Channel, Label, Outcome, ToolCall, Usage
from edge_proxy.core.request import GenerationRequest
from protos import inference_pb2 as pb

log = logging.getLogger(__name__)

# google.rpc.Code to ours. What is not named here is the worker's fault: GENERATION_ERROR, 502.
CODES = {
    1: Code.CANCELLED,
    3: Code.INVALID_REQUEST,
    4: Code.TIMEOUT,
    5: Code.NOT_FOUND,
    6: Code.CONFLICT,
    7: Code.PERMISSION_DENIED,
    8: Code.OVERLOADED,
    9: Code.INVALID_REQUEST,
    10: Code.CONFLICT,
    11: Code.INVALID_REQUEST,
    12: Code.NOT_SUPPORTED,
    14: Code.WORKER_UNAVAILABLE,
    16: Code.UNAUTHENTICATED,
}
INVALID_ARGUMENT = 3
ATTACH_CODES = {9: Code.ENDED, 11: Code.RESUME_EXPIRED}  # see `Command.attach` in the proto
CHANNELS = {
    pb.ANSWER: Channel.ANSWER,
    pb.REASONING: Channel.REASONING,
    pb.TOOL_CALL: Channel.TOOL_CALL,
    pb.PROGRESS: Channel.PROGRESS,
    pb.RESULT: Channel.RESULT,
    pb.MEDIA: Channel.MEDIA,
}
ABOUT_THE_REQUEST = {Code.INVALID_REQUEST, Code.NOT_FOUND}  # the worker's words on these are for who asked


def to_message(request: GenerationRequest) -> pb.GenerateRequest:
    """The request as the worker takes it."""
    sampling = pb.Sampling(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=request.stop,
    )
    return pb.GenerateRequest(
        model=request.model,
        prompt=request.prompt,
        raw_prompt=request.raw_prompt,
        messages=[
            pb.ChatMessage(
                role=m.role, content=m.content, tool_calls=m.tool_calls, tool_call_id=m.tool_call_id, name=m.name
            )
            for m in request.messages
        ],
        sampling=sampling,
        min_chunk_chars=request.min_chunk_chars,
        timeout_ms=round((request.timeout_s or 0) * 1000),
        resume_window_ms=round(request.resume_window_s * 1000),
        engine_options=request.engine_options,
        extras=request.extras,
        trace_parent=request.trace_parent,
        owner=request.caller.owner,
        pipeline=request.pipeline,
        max_rounds=request.max_rounds,
    )


def to_ending(ending: pb.Ending) -> Outcome | Failure:
    """How a generation ended, as the worker says."""
    if ending.WhichOneof("outcome") == "finished":
        usage = ending.finished.usage
        return Outcome(ending.finished.finish_reason, Usage(usage.prompt_tokens, usage.completion_tokens))
    failure = to_failure(ending.failed.code, ending.failed.message, ending.failed.field)
    return replace(failure, final=True)


def to_label(label: pb.Label) -> Label:
    """What text is. The answer without stages is `ANSWER` itself."""
    channel = CHANNELS.get(label.channel, Channel.OTHER)
    if channel is Channel.ANSWER and not label.stage:
        return ANSWER
    call = label.tool_call
    named = ToolCall(call.index, call.id, call.name) if channel is Channel.TOOL_CALL else None
    return Label(channel, label.stage, named)


def to_refusal(status: pb.Status, *, attaching: bool) -> Failure:
    """Why a stream will not be: one that was to be opened, or one that was to go on with a generation."""
    if attaching and status.code in ATTACH_CODES:
        return Failure(ATTACH_CODES[status.code])
    if attaching and status.code == INVALID_ARGUMENT:  # in words that the worker does not know
        return Failure(Code.INVALID_REQUEST, "The generation has no such event.", "last_event_id")
    return to_failure(status.code, status.message, status.field)


def to_failure(code: int, message: str, field: str = "") -> Failure:
    """A worker's status as a failure. Its words reach the client only if they are about the client's request."""
    ours = CODES.get(code, Code.GENERATION_ERROR)
    if ours in ABOUT_THE_REQUEST:
        return Failure(ours, message[:500], field[:100])
    log.info("A worker says %s (%d): %.500r", ours, code, message)
    return Failure(ours)
