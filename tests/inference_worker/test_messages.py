"""Our values on the wire."""

import pytest

from inference_worker.engines.base import Model
from inference_worker.generation import LABEL_CHARS, Finished, GenerationLog
from inference_worker.label import Channel, Label, ToolCall
from inference_worker.messages import MESSAGE_CHARS, finished, label_message, models, pieces, status
from inference_worker.status import Code, Failed
from protos import inference_pb2 as pb


def test_an_ending_has_its_reason_and_usage() -> None:
    expected = pb.Finished(finish_reason="stop", usage=pb.Usage(prompt_tokens=3, completion_tokens=7))
    assert finished(Finished("stop", 3, 7)) == expected


def test_a_failure_has_its_code_words_and_field() -> None:
    failed = Failed(Code.INVALID_ARGUMENT, "Too hot.", "temperature")
    assert status(failed) == pb.Status(code=3, message="Too hot.", field="temperature")


def test_long_words_are_cut() -> None:
    message = status(Failed(Code.INTERNAL, "x" * 9_999, "y" * 9_999))
    assert (len(message.message), len(message.field)) == (MESSAGE_CHARS, MESSAGE_CHARS)


def test_a_model_says_what_it_can_do() -> None:
    model = Model(name="tiny", engine="llamacpp", context_tokens=512, supports_complete=False, supports_continue=True)
    assert models([model]) == [
        pb.Model(name="tiny", engine="llamacpp", context_tokens=512, supports_chat=True, supports_continue=True)
    ]


def test_a_label_says_channel_stage_and_call() -> None:
    label = Label(Channel.TOOL_CALL, "executor", ToolCall(2, "call_1", "find"))
    call = pb.ToolCall(index=2, id="call_1", name="find")
    assert label_message(label) == pb.Label(channel=pb.TOOL_CALL, stage="executor", tool_call=call)


@pytest.mark.parametrize("channel", Channel)
def test_channels_are_those_of_the_proto(channel: Channel) -> None:
    assert int(pb.Channel.Value(channel.name)) == channel
    assert pb.Channel.Name(label_message(Label(channel)).channel) == channel.name


def test_pieces_are_the_text_with_its_labels_to_where_it_is_asked_for() -> None:
    log = GenerationLog(max_chars=100)
    log.append("Hi ")
    log.label(Label(Channel.REASONING, "planner"))
    for text in ("1. ", "Add", "!"):
        log.append(text)
    log.label(Label(Channel.RESULT))
    log.append("{}")
    planner = pb.Label(channel=pb.REASONING, stage="planner")
    assert list(pieces(log, until=3)) == [
        pb.Piece(chars=3, next_index=1),
        pb.Piece(chars=6, next_index=3, label=planner),
    ]
    assert list(pieces(log, until=0)) == []
    assert sum(piece.chars for piece in pieces(log, until=5)) == log.chars - 2 * LABEL_CHARS - len("planner")
