import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import ANSWER, Channel, Label, Outcome, ToolCall, Usage
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.core.strict_json import loads
from edge_proxy.dialects.native_request import GenerateBody, parse_body
from edge_proxy.policy.admission import Admission, Terms
from edge_proxy.upstream.translate import to_ending, to_failure, to_label, to_message
from protos import inference_pb2 as pb


def test_every_field_of_a_request_is_on_the_wire() -> None:
    request = GenerationRequest(
        model="tiny",
        prompt="Once",
        raw_prompt=True,
        messages=(Message("system", "Be brief."), Message("user", "Hi", "[]", "c1", "Ada")),
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        seed=2**32 - 1,
        stop=("\n", "END"),
        min_chunk_chars=8,
        timeout_s=2.5,
        batch_interval_s=0.02,
        resume_window_s=30.0,
        engine_options={"tokens": "5"},
        extras={"tools": "[]"},
    )
    expected = pb.GenerateRequest(
        model="tiny",
        prompt="Once",
        raw_prompt=True,
        messages=[
            pb.ChatMessage(role="system", content="Be brief."),
            pb.ChatMessage(role="user", content="Hi", tool_calls="[]", tool_call_id="c1", name="Ada"),
        ],
        sampling=pb.Sampling(max_tokens=7, temperature=0.5, top_p=0.9, seed=2**32 - 1, stop=["\n", "END"]),
        min_chunk_chars=8,
        timeout_ms=2500,
        resume_window_ms=30_000,
        extras={"tools": "[]"},
        engine_options={"tokens": "5"},
    )
    assert to_message(request) == expected


def test_what_is_left_open_is_absent_on_the_wire() -> None:
    sampling = to_message(GenerationRequest(prompt="x")).sampling
    assert not any(sampling.HasField(name) for name in ("max_tokens", "temperature", "top_p", "seed"))


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("temperature", GenerationRequest(prompt="x", temperature=0.0)),
        ("seed", GenerationRequest(prompt="x", seed=0)),
    ],
    ids=["temperature", "seed"],
)
def test_a_zero_that_was_asked_for_is_present_on_the_wire(name: str, request_: GenerationRequest) -> None:
    sampling: Any = to_message(request_).sampling
    assert sampling.HasField(name)


TERMS = Terms(
    max_streams=1,
    timeout_s=120.0,
    first_token_timeout_s=60.0,
    gap_timeout_s=30.0,
    max_timeout_s=600.0,
    batch_interval_s=0.05,
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2) | st.sampled_from([600, 4096, 10**6, 2**32 - 1, 2**64]),
    st.floats(0, 2) | st.sampled_from([float("nan"), float("inf"), 600.0]),
    st.text(st.characters(), max_size=3),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(
        st.text(st.characters(), max_size=2), st.integers() | st.floats() | st.text(max_size=2), max_size=2
    ),
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": st.text(max_size=3)}),
        min_size=1,
        max_size=2,
    ),
)
NAMES = st.sampled_from([*GenerateBody.model_fields]) | st.text(max_size=3)


@given(data=st.dictionaries(NAMES, VALUES, max_size=4), has_prompt=st.booleans())
def test_any_body_is_either_refused_or_can_be_sent_to_a_worker(data: dict[str, Any], has_prompt: bool) -> None:
    body = ({"prompt": "x"} if has_prompt else {}) | data
    try:
        asked = parse_body(loads(json.dumps(body).encode()), resume_window_s=30.0)
        request = Admission(TERMS).admit(asked)
    except Refused:
        return
    message = to_message(request)
    assert pb.GenerateRequest.FromString(message.SerializeToString()) == message


def test_a_finished_generation_is_an_outcome() -> None:
    usage = pb.Usage(prompt_tokens=9, completion_tokens=57)
    ending = pb.Ending(stream=1, finished=pb.Finished(finish_reason="length", usage=usage))
    assert to_ending(ending) == Outcome("length", Usage(9, 57))


def test_a_failed_generation_is_a_failure() -> None:
    assert to_ending(pb.Ending(stream=1, failed=pb.Status(code=4))) == Failure(Code.TIMEOUT)


def test_an_ending_that_says_nothing_is_a_failure() -> None:
    assert to_ending(pb.Ending(stream=1)) == Failure(Code.GENERATION_ERROR)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(0, Code.GENERATION_ERROR, id="OK is no failure of ours"),
        pytest.param(1, Code.CANCELLED, id="CANCELLED"),
        pytest.param(2, Code.GENERATION_ERROR, id="UNKNOWN"),
        pytest.param(3, Code.INVALID_REQUEST, id="INVALID_ARGUMENT"),
        pytest.param(4, Code.TIMEOUT, id="DEADLINE_EXCEEDED"),
        pytest.param(5, Code.NOT_FOUND, id="NOT_FOUND"),
        pytest.param(6, Code.CONFLICT, id="ALREADY_EXISTS"),
        pytest.param(7, Code.PERMISSION_DENIED, id="PERMISSION_DENIED"),
        pytest.param(8, Code.OVERLOADED, id="RESOURCE_EXHAUSTED"),
        pytest.param(9, Code.INVALID_REQUEST, id="FAILED_PRECONDITION"),
        pytest.param(10, Code.CONFLICT, id="ABORTED"),
        pytest.param(11, Code.INVALID_REQUEST, id="OUT_OF_RANGE"),
        pytest.param(12, Code.NOT_SUPPORTED, id="UNIMPLEMENTED"),
        pytest.param(13, Code.GENERATION_ERROR, id="INTERNAL"),
        pytest.param(14, Code.WORKER_UNAVAILABLE, id="UNAVAILABLE"),
        pytest.param(15, Code.GENERATION_ERROR, id="DATA_LOSS"),
        pytest.param(16, Code.UNAUTHENTICATED, id="UNAUTHENTICATED"),
        pytest.param(99, Code.GENERATION_ERROR, id="unknown"),
    ],
)
def test_each_status_has_its_code(status: int, code: Code) -> None:
    assert to_failure(status, "").code is code


@pytest.mark.parametrize("status", [3, 5, 9, 11])
def test_what_a_worker_says_of_the_request_reaches_who_asked(status: int) -> None:
    failure = to_failure(status, "Too hot.", "temperature")
    assert (failure.message, failure.wrong_field) == ("Too hot.", "temperature")


@pytest.mark.parametrize("status", [1, 2, 4, 7, 8, 13, 14, 16])
def test_what_else_a_worker_says_is_for_the_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    failure = to_failure(status, "/srv/model.gguf is broken", "secret")
    assert failure == Failure(failure.code)
    assert "/srv/model.gguf is broken" in caplog.text


def test_a_worker_that_says_much_is_cut_short() -> None:
    failure = to_failure(3, "m" * 10_000, "f" * 10_000)
    assert (len(failure.message), len(failure.wrong_field)) == (500, 100)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (pb.Label(channel=pb.REASONING, stage="planner"), Label(Channel.REASONING, "planner")),
        (pb.Label(stage="planner"), Label(Channel.ANSWER, "planner")),
        (pb.Label(channel=pb.PROGRESS), Label(Channel.PROGRESS)),
        (pb.Label(channel=pb.RESULT), Label(Channel.RESULT)),
        (pb.Label(channel=pb.MEDIA), Label(Channel.MEDIA)),
        (
            pb.Label(channel=pb.TOOL_CALL, tool_call=pb.ToolCall(index=1, id="c1", name="find")),
            Label(Channel.TOOL_CALL, "", ToolCall(1, "c1", "find")),
        ),
    ],
)
def test_a_label_says_the_same_here(label: pb.Label, expected: Label) -> None:
    assert to_label(label) == expected


def test_the_plain_answer_is_one_object() -> None:
    assert to_label(pb.Label()) is ANSWER


def test_a_channel_of_a_newer_worker_is_none_that_is_known_here() -> None:
    assert to_label(pb.Label.FromString(b"\x08\x63")).channel is Channel.OTHER
