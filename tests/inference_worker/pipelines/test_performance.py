"""Staged answers carried out, and gone on with from wherever they were cut: text, labels and end are the same."""

import asyncio
import json

import pytest

from inference_worker.engines.base import Finish, Sink
from inference_worker.generation import Finished
from inference_worker.label import ANSWER, Channel, Label
from inference_worker.pipelines.results import ENTRY_CHARS
from inference_worker.pipelines.steps import Execution
from inference_worker.request import Message
from inference_worker.status import Code, Failed, Refused
from tests.inference_worker.one_run_engine import OneRunEngine
from tests.inference_worker.pipelines.performances import cut, make_asked, make_staged, said_by, tell
from tests.inference_worker.registries import ending_of, eventually, start
from tests.support.staged import CODE, OBJECTION, PLAN, RIGHT, STAGES, WRONG

LARGE = Execution("4\n", None, {"data": ["x" * 3 * ENTRY_CHARS]})


async def run_large(code: str) -> Execution:
    assert code == CODE
    return LARGE


async def test_an_objection_leads_to_a_second_round() -> None:
    told = await tell(make_staged(), make_asked("agent_multi"))
    texts = told.texts()
    kinds = {"REASONING": "thinking", "PROGRESS": "thinking", "ANSWER": "content"}
    assert [(kinds[channel], stage, text) for channel, stage, text in texts if channel in kinds] == STAGES
    results = [json.loads(text) for text in said_by(texts, "RESULT")]
    assert results[-1] == {
        "reply": RIGHT,
        "generated_code": CODE,
        "execution_result": None,
        "image": None,
        "plotly_json": None,
    }
    assert isinstance(told.ending, Finished)
    turns = [result["usage"] for result in results[:-1]]
    assert told.ending.finish_reason == "stop"
    assert told.ending.prompt_tokens == sum(turn["prompt_tokens"] for turn in turns)
    assert told.ending.completion_tokens == sum(turn["completion_tokens"] for turn in turns)
    said = (PLAN, WRONG, OBJECTION, RIGHT, "ACCEPT")
    assert told.ending.completion_tokens == sum(-(-len(text) // 3) for text in said), "tokens are of three characters"


@pytest.mark.parametrize("every", [1, 1_000])
@pytest.mark.parametrize("pipeline", ["agent_multi", "agent_single", "ask"])
async def test_an_answer_that_is_cut_anywhere_goes_on_as_if_it_were_not(pipeline: str, every: int) -> None:
    whole = await tell(make_staged(), make_asked(pipeline))
    for index in range(1, len(whole.entries) + 1):
        again = await tell(make_staged(), make_asked(pipeline, **cut(whole, index, every=every)))
        assert again.texts() == whole.texts(), index
        assert again.sections == whole.sections, index
        assert again.ending == whole.ending, index


@pytest.mark.parametrize("pipeline", ["agent_multi", "agent_single"])
async def test_a_result_that_is_cut_is_completed_or_followed_by_a_whole_one(pipeline: str) -> None:
    whole = await tell(make_staged(run_large), make_asked(pipeline))
    assert len(said_by(whole.texts(), "RESULT")[-1]) > 3 * ENTRY_CHARS
    for index in range(1, len(whole.entries) + 1):
        again = await tell(make_staged(run_large), make_asked(pipeline, **cut(whole, index)))
        assert again.texts() == whole.texts(), "the same code came to the same"
        assert again.ending == whole.ending


async def test_code_that_is_run_again_to_another_result_has_a_result_of_its_own() -> None:
    async def run_otherwise(_: str) -> Execution:
        return Execution("5\n", None, {"data": ["y" * ENTRY_CHARS]})

    whole = await tell(make_staged(run_large), make_asked("agent_single"))
    place = next(at for at, (_, label) in enumerate(whole.entries) if label == Label(Channel.RESULT, "execution")) + 1
    again = await tell(make_staged(run_otherwise), make_asked("agent_single", **cut(whole, place)))
    first, second = [text for channel, stage, text in again.texts() if (channel, stage) == ("RESULT", "execution")]
    assert json.loads(whole.texts()[3][2])["execution_result"] == "4\n"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(first)
    assert json.loads(second)["execution_result"] == "5\n"
    assert json.loads(again.texts()[-1][2])["execution_result"] == "5\n"
    third = await tell(make_staged(run_otherwise), make_asked("agent_single", **cut(again, len(again.entries) - 5)))
    assert third.texts() == again.texts()


@pytest.mark.parametrize("limit", range(1, 30))
async def test_a_limit_of_tokens_is_for_all_stages_together(limit: int) -> None:
    told = await tell(make_staged(), make_asked("agent_multi", max_tokens=limit))
    assert isinstance(told.ending, Finished)
    assert told.ending.completion_tokens <= limit
    short = told.ending.completion_tokens == limit
    assert told.ending.finish_reason == ("length" if short else "stop")
    assert "reply" in json.loads(told.texts()[-1][2])
    for index in (1, limit, len(told.entries)):
        again = await tell(make_staged(), make_asked("agent_multi", max_tokens=limit, **cut(told, index)))
        assert (again.texts(), again.ending) == (told.texts(), told.ending)


async def test_an_answer_cut_by_the_limit_is_the_reply_so_far() -> None:
    told = await tell(make_staged(), make_asked("ask", max_tokens=2))
    assert json.loads(told.texts()[-1][2])["reply"] == RIGHT[:6]


async def test_a_log_that_is_full_ends_with_length() -> None:
    told = await tell(make_staged(max_log_chars=100), make_asked("agent_multi"))
    assert [label.stage for _, label in told.sections] == ["planner", "planner", ""], "no other stage is begun"
    assert isinstance(told.ending, Finished)
    assert told.ending.finish_reason == "length"


async def test_a_worker_with_other_stages_refuses_to_go_on() -> None:
    whole = await tell(make_staged(), make_asked("agent_multi"))
    place = len(whole.entries) - 1
    with pytest.raises(Refused) as refused:
        await make_staged(rounds=1).start(make_asked("agent_multi", **cut(whole, place)))
    assert refused.value.failed.code is Code.INVALID_ARGUMENT


async def test_what_the_engine_refuses_is_refused_before_anything_is_said() -> None:
    with pytest.raises(Refused) as refused:
        await make_staged().start(make_asked("ask", {"nonsense": "1"}))
    assert refused.value.failed.field == "engine_options.nonsense"


async def test_a_stage_that_fails_fails_the_answer_behind_its_text() -> None:
    told = await tell(make_staged(), make_asked("agent_multi", {"verifier.1.fail_at": "2"}))
    assert isinstance(told.ending, Failed)
    assert told.texts()[-1][:2] == ("REASONING", "verifier")
    assert told.texts()[-1][2] == OBJECTION[:6]


async def test_stopping_it_stops_the_stage_and_drops_the_engines_run() -> None:
    async def wait(sink: Sink) -> Finish:
        sink.push("x")
        await asyncio.Event().wait()
        raise AssertionError("nothing sets the event")

    engine = OneRunEngine(wait)
    registry = make_staged(engine=engine)
    generation = await start(registry, make_asked("ask"))
    await eventually(lambda: generation.log.next_index)
    registry.cancel(generation.id)
    await eventually(lambda: registry.running == 0)
    assert engine.dropped == 1
    assert await ending_of(generation) == Failed(Code.CANCELLED, "The generation was stopped.")


async def test_stopping_it_stops_code_that_runs() -> None:
    stopped = asyncio.Event()

    async def run_on(_: str) -> Execution:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError("nothing sets the event")

    registry = make_staged(run_on)
    generation = await start(registry, make_asked("agent_single"))
    await eventually(lambda: generation.log.sections and generation.log.sections[-1].label.channel is Channel.PROGRESS)
    registry.cancel(generation.id)
    await asyncio.wait_for(stopped.wait(), 5)


async def test_what_a_model_thinks_by_itself_is_told_apart_and_no_part_of_the_turn() -> None:
    async def think(sink: Sink) -> Finish:
        sink.label(Label(Channel.REASONING))
        sink.push("Hm.")
        sink.label(ANSWER)
        sink.push_bytes(b"Vi" + "é".encode()[:1])
        sink.push_bytes("é".encode()[1:])
        return Finish("stop", 5, 9)

    told = await tell(make_staged(engine=OneRunEngine(think)), make_asked("ask"))
    assert told.texts()[:2] == [("REASONING", "answer.reasoning", "Hm."), ("ANSWER", "answer", "Vié")]
    assert json.loads(told.texts()[-1][2])["reply"] == "Vié"
    assert told.ending == Finished("stop", 5, 9)


async def test_small_chunks_are_held_in_the_answer() -> None:
    told = await tell(make_staged(), make_asked("ask", min_chunk_chars=10))
    assert told.texts()[0] == ("ANSWER", "answer", RIGHT)


async def test_earlier_turns_change_what_a_stage_says() -> None:
    def history(said: str) -> tuple[Message, ...]:
        return (Message("user", said), Message("assistant", "Yes."), Message("user", "Go on."))

    one, other = [
        await tell(make_staged(), make_asked("ask", {"text": "", "tokens": "9"}, messages=history(said)))
        for said in ("An owl.", "A fox.")
    ]
    assert one.texts()[0] != other.texts()[0]
