"""What pages and programs have without any library reads what the pair writes. Libraries: see the folder clients."""

import json

import grpc
import pytest

from protos import inference_pb2 as pb
from tests.end_to_end.conftest import Pair
from tests.support import node
from tests.support.http import PATH, Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe


async def text_by_our_reader(edge: str, request: dict[str, object]) -> str:
    return check_native(await (await Exchange.post(edge, request)).all_events())


async def test_fetch_reads_a_stream_as_it_comes(pair: Pair) -> None:
    request: dict[str, object] = {"prompt": "流", "engine_options": {"tokens_per_second": 100, "tokens": 60}}
    seen = await node.run("fetch.mjs", f"http://{pair.edge}{PATH}", json.dumps(request))
    assert seen["status"] == 200
    assert seen["type"].startswith("text/event-stream")
    assert seen["reads"] >= 5
    assert seen["last"]["data"]["isFinal"] is True
    assert seen["text"] == await text_by_our_reader(pair.edge, request)


async def test_a_python_grpc_client_reads_the_plain_call(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        call = probe.stub.GenerateTextStream(pb.GenerateRequest(prompt="x", engine_options={"tokens": "20"}))
        chunks = [chunk async for chunk in call]
        metadata = await call.initial_metadata()
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == chunks[-1].next_index == 20
    assert metadata is not None
    assert chunks[0].generation_id == dict(metadata)["generation-id"]


async def test_a_python_grpc_client_learns_which_field_is_wrong(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        request = pb.GenerateRequest(prompt="x", sampling=pb.Sampling(max_tokens=0))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await probe.text(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert ("error-field", "max_tokens") in tuple(caught.value.trailing_metadata() or ())
