"""The default engine with the bundled model: real text, the whole way."""

import asyncio

from tests.end_to_end.conftest import Pair
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

STORY: dict[str, object] = {"prompt": "Tell me a story about an owl.", "seed": 3}


async def ask(pair: Pair, request: dict[str, object]) -> str:
    return check_native(await (await Exchange.post(pair.edge, request)).all_events())


async def test_it_tells_the_story_that_was_asked_for(real_pair: Pair) -> None:
    text = await ask(real_pair, STORY)
    assert "owl" in text
    assert len(text.split()) > 40
    assert text == await ask(real_pair, STORY)  # the same seed
    async with WorkerProbe(real_pair.worker) as probe:
        assert text == await probe.text(asked("Tell me a story about an owl.", seed=3))


async def test_a_conversation_goes_through_the_chat_template(real_pair: Pair) -> None:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of Norway?"},
    ]
    assert "Oslo" in await ask(real_pair, {"messages": messages, "temperature": 0})


async def test_a_prompt_beyond_the_context_is_refused_before_the_stream(real_pair: Pair) -> None:
    response = await Exchange.post(real_pair.edge, {"prompt": "word " * 600})
    assert response.status == 400
    assert (await response.json())["field"] == "prompt"


async def test_more_streams_than_slots_all_end_well(real_pair: Pair) -> None:
    texts = await asyncio.gather(*(ask(real_pair, STORY | {"seed": seed, "max_tokens": 40}) for seed in range(40)))
    assert all(texts)
    assert len(set(texts)) > 20


async def test_leaving_frees_the_slot(real_pair: Pair) -> None:
    request = {"prompt": "Once upon a time", "raw_prompt": True, "temperature": 2, "max_tokens": 400}
    streams = [await Exchange.post(real_pair.edge, request) for _ in range(20)]
    for stream in streams:
        stream.close()
    async with WorkerProbe(real_pair.worker) as probe:
        await probe.wait_for_running(0, limit_s=0.5)
    assert await ask(real_pair, STORY)
