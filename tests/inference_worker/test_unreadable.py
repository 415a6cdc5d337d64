from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from inference_worker.unreadable import RefuseUnreadable
from protos import inference_pb2 as pb
from tests.inference_worker.grpc_pair import Pair, generate, served
from tests.inference_worker.registries import make_registry
from tests.support.http2 import SERVICE

NO_MESSAGE = b"\xff\xff"
REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, "The message can not be read.")
INTERCEPTORS = [RefuseUnreadable()]


def end(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str | None]:
    return error.code(), error.details()


@pytest.mark.parametrize("method", ["GenerateTextStream", "CancelGeneration", "ListModels"])
async def test_what_is_no_message_is_its_senders_mistake(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async with served(make_registry(), interceptors=INTERCEPTORS) as pair:
        call: Any = pair.channel.unary_unary(SERVICE + method)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(NO_MESSAGE)
    assert end(caught.value) == REFUSED
    assert not caplog.records, "or anybody could fill the log"


async def exchange(pair: Pair, *messages: bytes) -> tuple[list[pb.WorkerFrame], tuple[grpc.StatusCode, str | None]]:
    """What comes of a call of these messages, that nobody ends."""
    call: Any = pair.channel.stream_stream(SERVICE + "Exchange", response_deserializer=pb.WorkerFrame.FromString)()
    for message in messages:
        await call.write(message)
    frames = []
    try:
        while True:
            frames.append(await call.read())
    except grpc.aio.AioRpcError as error:
        return frames, end(error)


async def test_a_call_of_many_messages_ends_by_the_first_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    opening = pb.Command(stream=1, open=generate(options={"stall_at": "1"}))
    async with served(make_registry(), interceptors=INTERCEPTORS) as pair:
        frames, ended = await exchange(pair, pb.EdgeFrame(commands=[opening]).SerializeToString(), NO_MESSAGE)
    assert ended == REFUSED
    assert frames[0].HasField("hello")
    assert not caplog.records


async def test_what_can_be_read_passes() -> None:
    async def commands() -> AsyncIterator[pb.EdgeFrame]:
        yield pb.EdgeFrame(commands=[pb.Command(stream=1, open=generate())])
        while not ended:
            yield pb.EdgeFrame()

    ended = False
    async with served(make_registry(), interceptors=INTERCEPTORS) as pair:
        async for frame in pair.stub.Exchange(commands()):
            ended = ended or bool(frame.endings)
        assert (await pair.stub.ListModels(pb.ListModelsRequest())).models
    assert ended
