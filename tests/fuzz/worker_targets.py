"""What the fuzzer does to a worker that runs: bytes on its port, and calls that no edge would make.

The worker is another process, so that the fuzzer sees nothing of what it does inside; what it says is looked at, and
its log and what it holds when all is over (`tests.fuzz.worker`).
"""

import contextlib
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from hypothesis import given
from hypothesis import strategies as st

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc
from tests.support.http2 import METHODS, SERVICE, shaped

CONNECTS_S, ANSWERS_S = 5.0, 8.0
LINGERS_S = 0.02  # a few frames' time
PLAIN_S = 0.05  # a generation that does not end is left then
BROKEN = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}  # a handler has raised

uint32 = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1))
uint64 = st.one_of(st.integers(0, 12), st.integers(0, 2**64 - 1))
doubles = st.floats(width=64)
texts = st.one_of(st.text(max_size=8), st.sampled_from(["user", "tool", "scripted", "{}", "[]", '[{"a":1}]', "\0"]))
options = st.dictionaries(
    st.one_of(
        st.sampled_from(["tokens", "tokens_per_second", "first_token_delay_ms", "fail_at", "stall_at", "reasoning"]),
        st.sampled_from(["stamp", "echo", "tool_call"]),
        texts,
    ),
    st.one_of(st.sampled_from(["0", "1", "5", "1000", "true", "false", "-1", "nan", "inf", "1e400"]), texts),
    max_size=4,
)


def messages(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Messages of a kind, with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: kind(**given))


known: deque[str] = deque(["", "w1-5c0fe2"], maxlen=20)  # ids of generations that there have been
ids = st.one_of(st.integers(0, 19), texts).map(lambda n: known[n % len(known)] if isinstance(n, int) else n)
pieces = st.lists(messages(pb.Piece, chars=uint32, next_index=uint64), max_size=3)
chat = messages(pb.ChatMessage, role=texts, content=texts, tool_calls=texts, name=texts)
requests = st.builds(
    lambda request, given: (request.engine_options.update(given), request)[1],
    messages(
        pb.GenerateRequest,
        model=texts,
        prompt=texts,
        raw_prompt=st.booleans(),
        messages=st.lists(
            messages(pb.ChatMessage, role=texts, content=texts, tool_calls=texts, name=texts), max_size=2
        ),
        sampling=messages(
            pb.Sampling,
            max_tokens=uint32,
            temperature=doubles,
            top_p=doubles,
            seed=uint32,
            stop=st.lists(texts, max_size=2),
        ),
        min_chunk_chars=uint32,
        timeout_ms=uint32,
        resume_window_ms=uint32,
        continuation=messages(pb.Continuation, text=texts, next_index=uint64, generation_id=ids, pieces=pieces),
        extras=st.dictionaries(texts, texts, max_size=2),
        owner=texts,
        trace_parent=texts,
    ),
    options,
)
attaches = messages(pb.Attach, generation_id=ids, next_index=uint64, with_beginning=st.booleans(), owner=texts)
# Mostly what can be carried out, or nothing would be: a prompt, and few tokens, or an end that does not come by itself.
sound = st.builds(
    lambda said, option: pb.GenerateRequest(prompt=said, engine_options=dict([option])),
    st.text("ab", min_size=1, max_size=3),
    st.sampled_from([("tokens", "7"), ("stall_at", "2"), ("tokens", "1000000")]),
)
actions = st.one_of(
    st.one_of(sound, requests).map(lambda request: {"open": request}),
    attaches.map(lambda attach: {"attach": attach}),
    st.sampled_from(
        [{"detach": pb.Detach()}, {"pause": pb.Pause()}, {"resume": pb.Resume()}, {"cancel": pb.Cancel()}, {}]
    ),
)
commands = st.builds(
    lambda number, interval, action: pb.Command(stream=number, interval_ms=interval, **action), uint32, uint32, actions
)
frames = st.lists(
    st.builds(
        lambda percent, given: pb.EdgeFrame(interval_percent=percent, commands=given),
        uint32,
        st.lists(commands, max_size=4),
    ),
    max_size=4,
)


class Caller:
    """Calls a worker as nobody should."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(address)
        self._stub = rpc.AIAgentServiceStub(self._channel)

    def close(self) -> None:
        """Leave."""
        self._channel.close()

    def exchange(self, sent: list[pb.EdgeFrame], *, lingers: bool) -> None:
        """A whole call, with these frames; what comes back makes sense."""
        over = threading.Event()

        def speak() -> Iterator[pb.EdgeFrame]:
            yield from sent
            over.wait(LINGERS_S if lingers else 0)

        call: Any = self._stub.Exchange(speak(), timeout=ANSWERS_S, wait_for_ready=True)
        try:
            for number, frame in enumerate(call):
                check_frame(frame, first=number == 0)
                known.extend(opened.generation_id for opened in frame.opened)
        except grpc.RpcError:
            assert call.code() not in BROKEN, (call.code(), call.details())
        over.set()

    def generate(self, request: pb.GenerateRequest, *, reads: int) -> None:
        """A plain call, left after so many chunks."""
        call: Any = self._stub.GenerateTextStream(request, timeout=PLAIN_S, wait_for_ready=True)
        try:
            for _ in itertools.islice(call, reads):
                pass
            call.cancel()
        except grpc.RpcError:
            assert call.code() not in BROKEN, (call.code(), call.details())

    def cancel(self, generation_id: str, owner: str) -> None:
        """Stop a generation that there may be."""
        try:
            self._stub.CancelGeneration(
                pb.CancelGenerationRequest(generation_id=generation_id, owner=owner), timeout=ANSWERS_S
            )
        except grpc.RpcError as error:
            assert error.code() not in BROKEN, error  # noqa: PT017 - of some calls, not of all

    def send_message(self, method: str, data: bytes) -> None:
        """Bytes in the place of a message."""
        send: Any = self._channel.stream_stream(SERVICE + method)
        call = send(iter([data]), timeout=LINGERS_S, wait_for_ready=True)
        try:
            for _ in call:
                pass
        except grpc.RpcError:
            return  # gRPC itself says INTERNAL for what is no message

    def send_bytes(self, data: bytes) -> None:
        """Bytes on the port, and then the end; a worker that does not like them ends the connection, too."""
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=CONNECTS_S) as connection:
            connection.settimeout(ANSWERS_S)
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass


def check_frame(frame: pb.WorkerFrame, *, first: bool) -> None:
    """What holds for any frame."""
    assert frame.HasField("hello") == first
    assert len(frame.text_stream) == len(frame.text) == len(frame.text_next_index)
    assert all(label.row < len(frame.text) for label in frame.labels)


def targets(caller: Caller) -> dict[str, Callable[[bytes], object]]:
    """What can be done to the worker of that caller."""

    @given(frames, st.booleans())
    def calls(sent: list[pb.EdgeFrame], lingers: bool) -> None:
        caller.exchange(sent, lingers=lingers)

    @given(requests, st.integers(0, 3))
    def plain_calls(request: pb.GenerateRequest, reads: int) -> None:
        caller.generate(request, reads=reads)

    @given(ids, texts)
    def cancels(generation_id: str, owner: str) -> None:
        caller.cancel(generation_id, owner)

    def worker_calls(data: bytes) -> None:
        kind = data[0] if data else 0
        if kind % 8 == 0:
            caller.send_message(METHODS[kind // 8 % len(METHODS)], data[1:])
        else:
            test: Any = {1: plain_calls, 2: cancels}.get(kind % 8, calls)
            test.hypothesis.fuzz_one_input(data[1:])

    def worker_port(data: bytes) -> None:
        caller.send_bytes(shaped(data))

    return {"worker_calls": worker_calls, "worker_port": worker_port}
