"""What the fuzzer tries that needs no process: a function of bytes each, which fails by raising.

Where input has a shape, the bytes are read as choices in it, by hypothesis, so that the fuzzer gets past the
first check. Half of what the readers get has no shape at all.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from edge_proxy.core import cursor
from edge_proxy.core.errors import Failure, Refused
from edge_proxy.core.request import GenerationRequest
from edge_proxy.core.strict_json import loads
from edge_proxy.dialects import native, openai, socket_frames, socket_request
from edge_proxy.dialects.ask_request import AskBody, parse_ask
from edge_proxy.dialects.native_request import GenerateBody, GenerateQuery, parse_body, parse_query
from edge_proxy.dialects.openai_request import ChatBody, CompletionBody, parse_chat, parse_completion
from edge_proxy.upstream.translate import to_message
from tests.edge_proxy.dialects.spoken import SPOKEN
from tests.edge_proxy.dialects.test_round_trip import round_trip

Target = Callable[[bytes], object]
WINDOW_S = 30.0
SEED = 20
EVENT_ID = re.compile(r"([a-z0-9]{1,32}-[a-z0-9]{1,64})\.([0-9]{1,9})", re.ASCII)  # as docs/native.md has it

# What a member's value may be, to be right now and then, and wrong in every way otherwise.
texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["user", "tool", "x", "\0", "\ud800", "1", "true", "nan", "1e999"])
)
numbers = st.one_of(st.integers(), st.integers(-1, 100), st.floats(), st.just(10**400))
plain = st.one_of(texts, numbers, st.booleans(), st.none())
turns = st.fixed_dictionaries(
    {"role": st.one_of(texts, st.sampled_from(["user", "assistant"])), "content": st.one_of(texts, plain)},
    optional={"tool_calls": st.lists(st.dictionaries(texts, plain, max_size=2), max_size=2), "name": texts},
)
values = st.one_of(
    texts,
    st.integers(1, 100),
    st.floats(0, 1),
    plain,
    st.lists(st.one_of(turns, texts, plain), max_size=3),
    st.dictionaries(texts, plain, max_size=3),
    st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)),
)


def bodies(*models: type[BaseModel], more: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with members of these names, and of others."""
    names = sorted({name for model in models for name in model.model_fields} | set(more))
    return st.dictionaries(st.one_of(st.sampled_from(names), st.sampled_from(names), texts), values, max_size=6)


def check_request(request: GenerationRequest) -> None:
    """What is let in can be sent to a worker."""
    to_message(request).SerializeToString()


def check_refusal(failure: Failure) -> None:
    """What is not is told so, in words that any client can read."""
    for _, body in (native.refusal(failure, request_id="r"), openai.refusal(failure)):
        json.loads(body.decode("ascii"))


def read_native(data: Mapping[str, Any]) -> list[GenerationRequest]:
    return [parse_body(data, resume_window_s=WINDOW_S)]


def read_openai(data: Mapping[str, Any]) -> list[GenerationRequest]:
    return [*parse_chat(data).choices]


def read_completion(data: Mapping[str, Any]) -> list[GenerationRequest]:
    return [*parse_completion(data).choices]


def read_question(data: Mapping[str, Any]) -> list[GenerationRequest]:
    return [parse_ask(data)]


def read_native_query(data: Mapping[str, str]) -> list[GenerationRequest]:
    return [parse_query(data, resume_window_s=WINDOW_S)]


def read_question_query(data: Mapping[str, str]) -> list[GenerationRequest]:
    return [parse_ask(data, strings=True)]


BODY_READERS = (read_native, read_openai, read_completion, read_question)
QUERY_READERS = (read_native_query, read_question_query)


def try_all(readers: Sequence[Callable[[Any], list[GenerationRequest]]], data: Mapping[str, Any]) -> None:
    """Each takes it or refuses it."""
    for read in readers:
        try:
            for request in read(data):
                check_request(request)
        except Refused as refused:
            check_refusal(refused.failure)


def read_frame(text: str) -> None:
    """A WebSocket's. Whatever is wrong with it is an answer."""
    asked = socket_request.parse(text, resume_window_s=WINDOW_S)
    assert len(asked.ref) <= socket_request.MAX_REF_CHARS
    match asked:
        case socket_request.Generate():
            check_request(asked.request)
        case socket_request.Wrong():
            said = json.loads(socket_frames.refusal(asked.failure, asked.ref))
            assert (said["type"], said.get("ref", "")) == ("error", asked.ref)


@given(bodies(GenerateBody, ChatBody, CompletionBody, AskBody))
def any_body_is_taken_or_refused(data: dict[str, Any]) -> None:
    try_all(BODY_READERS, data)


@given(st.dictionaries(st.sampled_from([*GenerateQuery.model_fields, *AskBody.model_fields]), texts, max_size=6))
def any_query_is_taken_or_refused(data: dict[str, str]) -> None:
    try_all(QUERY_READERS, data)


@given(
    bodies(GenerateBody, more=("lastEventId",)),
    st.one_of(st.sampled_from(["generate", "cancel", "resume"]), values),
    st.one_of(texts, values),
)
def any_frame_is_answered(data: dict[str, Any], kind: object, ref: object) -> None:
    read_frame(json.dumps(data | {"type": kind, "ref": ref}))


ROUND_TRIPS = {name: round_trip(spoken) for name, spoken in SPOKEN.items()}
SHAPED = (any_body_is_taken_or_refused, any_query_is_taken_or_refused)


def encoder(data: bytes) -> None:
    """Events into a dialect, and its bytes into the strict reader."""
    properties = list(ROUND_TRIPS.values())
    fuzz(properties[data[0] % len(properties)] if data else properties[0], data[1:])


def requests(data: bytes) -> None:
    """A body or a query string, in any dialect."""
    kind = data[0] % 3 if data else 0
    if kind < len(SHAPED):
        fuzz(SHAPED[kind], data[1:])
        return
    try:
        body = loads(data[1:])
    except Refused as refused:
        check_refusal(refused.failure)
    else:
        try_all(BODY_READERS, body)


def resume_id(data: bytes) -> None:
    """What a client says that it has read."""
    text = data.decode("utf-8", "surrogateescape")
    match = EVENT_ID.fullmatch(text)
    try:
        generation, index = cursor.parse(text)
    except Refused as refused:
        assert not match
        check_refusal(refused.failure)
    else:
        assert match
        assert (generation, index) == (match[1], int(match[2]))


def socket_frame(data: bytes) -> None:
    """A frame of a WebSocket, as text: its bytes have been found to be UTF-8."""
    if data and data[0] % 2:
        fuzz(any_frame_is_answered, data[1:])
    else:
        read_frame(data[1:].decode("utf-8", "ignore"))


def fuzz(test: Any, data: bytes) -> bytes | None:
    """Have a property of hypothesis's hold for the choices that the data makes; None: they are not enough for it."""
    used: bytes | None = test.hypothesis.fuzz_one_input(data)
    return used


def shaped(count: int = 64, *, begin: int = 0) -> list[bytes]:
    """Choices to begin with: long enough for whatever is to be chosen."""
    chance = random.Random(SEED + begin)
    return [bytes([number]) + chance.randbytes(chance.randint(40, 1500)) for number in range(begin, begin + count)]


BODIES = [
    {
        "prompt": "x",
        "engine_options": {"a": 1},
        "stop": ["\u00e9"],
        "max_tokens": 1,
        "temperature": 0.5,
        "stream": True,
    },
    {"messages": [{"role": "user", "content": "x"}], "seed": 7, "resumable": True, "timeout_s": 1e3},
    {"model": "m", "messages": [{"role": "tool", "content": [{"type": "text", "text": "x"}]}], "n": 2, "stop": "x"},
    {"model": "m", "prompt": "x", "logit_bias": {"1": -1}, "stream_options": {"include_usage": True}},
    {"question": "x", "model": "m"},
]
FRAMES = [{"type": "generate", "ref": "a", "prompt": "x"}, {"type": "resume", "lastEventId": "w1-5c0fe2.42"}]
SEEDS: dict[str, list[bytes]] = {  # what a target begins with; those that are not named, with choices
    "requests": [*shaped(), *(b"\x02" + json.dumps(body).encode() for body in BODIES)],
    "resume_id": [b"w1-5c0fe2.42", b"a-b.0", f"{'w' * 32}-{'0' * 64}.{'9' * 9}".encode()],
    "socket_frame": [*shaped(), *(b"\x00" + json.dumps(frame).encode() for frame in FRAMES + BODIES)],
}
TARGETS: dict[str, Target] = {
    "encoder": encoder,
    "requests": requests,
    "resume_id": resume_id,
    "socket_frame": socket_frame,
}
