import asyncio
from typing import Any

import grpc

from inference_worker.engines.base import Finish, Sink
from inference_worker.engines.script import Options, script
from inference_worker.label import Channel, Label, ToolCall
from inference_worker.request import parse
from inference_worker.servicer import CHUNK_CHARS
from protos import inference_pb2 as pb
from tests.inference_worker.grpc_pair import Pair, failure, generate, heard, served
from tests.inference_worker.one_run_engine import OneRunEngine
from tests.inference_worker.registries import eventually, make_registry

STALLED = {"stall_at": "2", "tokens": "9"}


def spoken(request: pb.GenerateRequest, count: int) -> str:
    return "".join(map(script(parse(request), Options()).token, range(count)))


async def cancel(pair: Pair, generation_id: str) -> grpc.StatusCode:
    call = pair.stub.CancelGeneration(pb.CancelGenerationRequest(generation_id=generation_id))
    code: grpc.StatusCode = await call.code()
    return code


async def begin(pair: Pair, **fields: Any) -> tuple[Any, str]:
    """A plain call on a generation that stalls, and the generation's id."""
    call = pair.stub.GenerateTextStream(generate(options=STALLED, **fields))
    chunk = await anext(aiter(call))
    return call, chunk.generation_id


async def test_a_plain_call_streams_a_generation() -> None:
    request = generate()
    async with served(make_registry()) as pair:
        call = pair.stub.GenerateTextStream(request)
        chunks = [chunk async for chunk in call]
        metadata = dict(await call.initial_metadata())
    assert "".join(chunk.delta for chunk in chunks) == spoken(request, 3)
    assert chunks[0].generation_id == metadata["generation-id"] != ""
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage == pb.Usage(prompt_tokens=1, completion_tokens=3)
    assert chunks[-1].next_index == 3
    assert not any(chunk.generation_id or chunk.HasField("usage") for chunk in chunks[1:-1])


async def test_each_chunk_says_the_index_behind_it_and_the_first_one_the_id() -> None:
    request = generate(options={"tokens": "6", "tokens_per_second": "200"})
    async with served(make_registry()) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(request)]
    assert len(chunks) > 3
    text = ""
    for chunk in chunks:
        text += chunk.delta
        assert text == spoken(request, chunk.next_index)
    assert [bool(chunk.generation_id) for chunk in chunks] == [True] + [False] * (len(chunks) - 1)


async def test_a_generation_without_text_is_one_chunk() -> None:
    async with served(make_registry()) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(generate(options={"tokens": "0"}))]
    assert [(chunk.delta, chunk.is_final, chunk.generation_id != "") for chunk in chunks] == [("", True, True)]


async def test_a_reader_that_fell_behind_gets_all_text_in_chunks_of_bounded_size() -> None:
    async def say_all_at_once(sink: Sink) -> Finish:
        for _ in range(5_000):
            sink.push("🦉🌊 🌊🦉 ")
        return Finish("stop", 1)

    async with served(make_registry(OneRunEngine(say_all_at_once))) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(generate())]
    assert max(len(chunk.delta) for chunk in chunks) <= CHUNK_CHARS
    assert "".join(chunk.delta for chunk in chunks) == "🦉🌊 🌊🦉 " * 5_000
    assert [chunk.is_final for chunk in chunks] == [False, True]


async def test_a_wrong_request_is_refused_with_its_field() -> None:
    async with served(make_registry()) as pair:
        _, error = await heard(pair.stub.GenerateTextStream(generate(prompt="")))
    assert (error.code(), error.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Give either a prompt or messages.",
    )
    assert dict(error.trailing_metadata())["error-field"] == "prompt"


async def test_a_wrong_field_is_named_whatever_its_name() -> None:
    """Metadata has printable ASCII only."""
    async with served(make_registry()) as pair:
        _, error = await heard(pair.stub.GenerateTextStream(generate(options={"50 %\nfé": "1"})))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(error.trailing_metadata())["error-field"] == "engine_options.50 %25%0Af%C3%A9"


async def test_a_full_worker_refuses() -> None:
    async with served(make_registry(max_streams=1)) as pair:
        call, _ = await begin(pair)
        code, _ = await failure(pair.stub.GenerateTextStream(generate()))
        call.cancel()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_failure_comes_behind_all_text() -> None:
    request = generate(options={"fail_at": "2"})
    async with served(make_registry()) as pair:
        chunks, error = await heard(pair.stub.GenerateTextStream(request))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "The script says to fail at token 2.")
    assert "".join(chunk.delta for chunk in chunks) == spoken(request, 2)
    assert not any(chunk.is_final for chunk in chunks)


async def test_a_generation_that_takes_too_long_fails() -> None:
    async with served(make_registry()) as pair:
        failed = await failure(pair.stub.GenerateTextStream(generate(options=STALLED, timeout_ms=50)))
    assert failed == (grpc.StatusCode.DEADLINE_EXCEEDED, "The generation took longer than it was given.")


async def test_the_calls_deadline_ends_the_generation() -> None:
    async with served(make_registry()) as pair:
        code, _ = await failure(pair.stub.GenerateTextStream(generate(options=STALLED), timeout=0.1))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        await eventually(lambda: pair.registry.running == 0)


async def test_a_cancelled_call_ends_the_generation() -> None:
    async with served(make_registry()) as pair:
        call, _ = await begin(pair)
        assert (pair.registry.running, pair.servicer.open_calls) == (1, 1)
        call.cancel()
        await eventually(lambda: (pair.registry.running, pair.servicer.open_calls) == (0, 0))


async def test_with_a_window_a_cancelled_call_leaves_the_generation_running() -> None:
    async with served(make_registry()) as pair:
        call, generation_id = await begin(pair, resume_window_ms=60_000)
        call.cancel()
        await eventually(lambda: pair.servicer.open_calls == 0)
        assert pair.registry.running == 1
        assert await cancel(pair, generation_id) is grpc.StatusCode.OK


async def test_cancel_ends_a_generation_for_its_reader() -> None:
    async with served(make_registry()) as pair:
        call, generation_id = await begin(pair)
        assert await cancel(pair, generation_id) is grpc.StatusCode.OK
        assert await failure(call) == (grpc.StatusCode.CANCELLED, "The generation was stopped.")


async def test_cancel_of_an_unknown_id_is_not_found() -> None:
    async with served(make_registry()) as pair:
        assert await cancel(pair, "w1-unknown") is grpc.StatusCode.NOT_FOUND


async def test_cancel_of_an_id_that_is_gone_is_not_found() -> None:
    async with served(make_registry()) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(generate())]
        await eventually(lambda: pair.servicer.open_calls == 0)
        assert await cancel(pair, chunks[0].generation_id) is grpc.StatusCode.NOT_FOUND


async def test_models_are_listed() -> None:
    async with served(make_registry()) as pair:
        listed = await pair.stub.ListModels(pb.ListModelsRequest())
    model = pb.Model(
        name="scripted", engine="scripted", supports_chat=True, supports_complete=True, supports_continue=True
    )
    assert listed == pb.ListModelsResponse(models=[model])


async def test_an_exchange_streams_until_the_edge_ends_it() -> None:
    request = generate()
    async with served(make_registry()) as pair:
        call = pair.stub.Exchange()
        assert (await call.read()).hello.worker_id == "w1"
        await call.write(pb.EdgeFrame(commands=[pb.Command(stream=5, open=request)]))
        text, ended = "", False
        while not ended:
            frame = await call.read()
            text += "".join(frame.text)
            ended = any(ending.stream == 5 for ending in frame.endings)
        assert text == spoken(request, 3)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_an_edge_that_goes_away_takes_its_generations_with_it() -> None:
    async with served(make_registry()) as pair:
        call = pair.stub.Exchange()
        await call.write(pb.EdgeFrame(commands=[pb.Command(stream=1, open=generate(options=STALLED))]))
        await eventually(lambda: pair.registry.running == 1)
        call.cancel()
        await eventually(lambda: (pair.registry.running, pair.servicer.open_calls) == (0, 0))


async def test_a_change_of_load_is_told_to_every_edge() -> None:
    async with served(make_registry()) as pair:
        calls = [pair.stub.Exchange() for _ in range(2)]
        for call in calls:
            await call.read()
        pair.registry.draining = True
        pair.servicer.report_load()
        frames = await asyncio.gather(*(call.read() for call in calls))
        assert [frame.load.draining for frame in frames] == [True, True]
        for call in calls:
            call.cancel()


async def test_every_edge_is_told_at_once_when_the_worker_becomes_full_and_when_it_is_not_any_more() -> None:
    async with served(make_registry(max_streams=2)) as pair:
        mine, other = pair.stub.Exchange(), pair.stub.Exchange()
        await other.read()
        opens = [pb.Command(stream=number, open=generate(options=STALLED)) for number in (1, 2)]
        await mine.write(pb.EdgeFrame(commands=opens))
        assert (await asyncio.wait_for(other.read(), 2)).load == pb.Load(running=2, max_streams=2)
        await mine.write(pb.EdgeFrame(commands=[pb.Command(stream=1, detach=pb.Detach())]))
        assert (await asyncio.wait_for(other.read(), 2)).load == pb.Load(running=1, max_streams=2)
        for call in (mine, other):
            call.cancel()


async def test_what_is_not_the_answer_does_not_look_like_it() -> None:
    request = generate(options={"reasoning": "2", "tokens": "5"})
    async with served(make_registry()) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(request)]
    text = spoken(request, 5)
    assert "".join(chunk.other for chunk in chunks) + "".join(chunk.delta for chunk in chunks) == text
    assert {chunk.label.channel for chunk in chunks if chunk.other} == {pb.REASONING}
    assert {chunk.label.channel for chunk in chunks if chunk.delta} == {pb.ANSWER}


async def test_a_label_is_told_even_where_no_text_is_under_it() -> None:
    async def call_without_arguments(sink: Sink) -> Finish:
        for index in range(2):
            sink.label(Label(Channel.TOOL_CALL, tool_call=ToolCall(index, f"c{index}", "now")))
            sink.push("")
        return Finish("tool_calls", 1)

    async with served(make_registry(OneRunEngine(call_without_arguments))) as pair:
        chunks = [chunk async for chunk in pair.stub.GenerateTextStream(generate())]
    assert [chunk.label.tool_call.id for chunk in chunks if chunk.HasField("label")] == ["c0", "c1"]
    assert chunks[-1].finish_reason == "tool_calls"


async def test_another_owners_generation_can_not_be_cancelled() -> None:
    async with served(make_registry()) as pair:
        call, generation_id = await begin(pair, owner="alice")
        assert await cancel(pair, generation_id) is grpc.StatusCode.NOT_FOUND
        request = pb.CancelGenerationRequest(generation_id=generation_id, owner="alice")
        assert await pair.stub.CancelGeneration(request).code() is grpc.StatusCode.OK
        assert await call.code() is grpc.StatusCode.CANCELLED
