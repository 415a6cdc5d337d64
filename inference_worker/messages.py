"""Our values as the proto's messages."""

from collections.abc import Iterable, Iterator

from inference_worker.engines.base import Model
from inference_worker.generation import Finished, GenerationLog
from inference_worker.label import Label
from inference_worker.status import Failed
from protos import inference_pb2 as pb

ALL = 1 << 60  # characters: more than any log has
MESSAGE_CHARS = 500  # of a failure's words: an engine may say more, and frames have a size


def finished(ending: Finished) -> pb.Finished:
    """The ending of a generation that is complete."""
    usage = pb.Usage(prompt_tokens=ending.prompt_tokens, completion_tokens=ending.completion_tokens)
    return pb.Finished(finish_reason=ending.finish_reason, usage=usage)


def status(failed: Failed) -> pb.Status:
    """A failure, or a refusal."""
    return pb.Status(code=failed.code, message=failed.message[:MESSAGE_CHARS], field=failed.field[:MESSAGE_CHARS])


def label_message(label: Label) -> pb.Label:
    """What text is."""
    channel = pb.Channel.ValueType(label.channel)
    if label.tool_call is None:
        return pb.Label(channel=channel, stage=label.stage)
    call = pb.ToolCall(index=label.tool_call.index, id=label.tool_call.id, name=label.tool_call.name)
    return pb.Label(channel=channel, stage=label.stage, tool_call=call)


def pieces(log: GenerationLog, *, until: int) -> Iterator[pb.Piece]:
    """The text before `until`, a piece for each of its labels."""
    index = log.first_index
    while index < until:
        section = log.section_at(index)
        text, end = log.read(index, max_chars=ALL)
        if end > until:
            text, end = log.before(until)[len(log.before(index)) :], until
        yield pb.Piece(chars=len(text), next_index=end, label=label_message(section.label) if section else None)
        index = end


def models(served: Iterable[Model]) -> list[pb.Model]:
    """What a worker serves."""
    return [
        pb.Model(
            name=model.name,
            engine=model.engine,
            context_tokens=model.context_tokens,
            supports_chat=model.supports_chat,
            supports_complete=model.supports_complete,
            supports_continue=model.supports_continue,
        )
        for model in served
    ]
