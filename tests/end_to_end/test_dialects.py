"""One request in every dialect, over real sockets: each stream keeps its promises and has the worker's own text."""

from collections.abc import Awaitable, Callable

import pytest

from tests.end_to_end.conftest import Pair
from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_ask, check_lines, check_native, check_openai
from tests.support.worker_probe import WorkerProbe, asked

ASKED = "a river & a 猫"
LIMITS: dict[str, object] = {"seed": 7, "max_tokens": 60}
MESSAGES = [{"role": "user", "content": ASKED}]
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"


async def in_native(edge: str) -> str:
    return check_native(await (await Exchange.post(edge, {"prompt": ASKED} | LIMITS)).all_events())


async def in_lines(edge: str) -> str:
    response = await Exchange.post(edge, {"prompt": ASKED} | LIMITS, accept="application/x-ndjson")
    assert response.headers["content-type"] == "application/x-ndjson"
    return check_lines(await response.body())


async def in_ask(edge: str) -> str:
    return check_ask(await (await Exchange.post(edge, {"question": ASKED} | LIMITS, "/ask/stream")).all_events())


async def in_chat(edge: str) -> str:
    request = {"model": "scripted", "messages": MESSAGES, "stream": True} | LIMITS
    (text,) = check_openai(await (await Exchange.post(edge, request, CHAT)).all_events())
    return text


async def in_completion(edge: str) -> str:
    request = {"model": "scripted", "prompt": ASKED, "stream": True} | LIMITS
    (text,) = check_openai(await (await Exchange.post(edge, request, COMPLETIONS)).all_events())
    return text


@pytest.mark.parametrize("say", [in_native, in_lines, in_ask, in_chat, in_completion], ids=lambda say: say.__name__)
async def test_every_dialect_has_the_text_of_the_plain_call(pair: Pair, say: Callable[[str], Awaitable[str]]) -> None:
    async with WorkerProbe(pair.worker) as probe:
        request = asked(ASKED, raw_prompt=say is in_completion, seed=7, max_tokens=60, tokens_per_second=0)
        expected = await probe.text(request)
    assert not expected.isascii()  # or this would say little
    assert await say(pair.edge) == expected


async def test_several_answers_of_one_stream_have_the_texts_that_their_seeds_give(pair: Pair) -> None:
    request: dict[str, object] = {"model": "scripted", "messages": MESSAGES, "stream": True, "n": 3} | LIMITS
    request["stream_options"] = {"include_usage": True}
    events = await (await Exchange.post(pair.edge, request, CHAT)).all_events()
    async with WorkerProbe(pair.worker) as probe:
        plain = [asked(ASKED, seed=7 + index, max_tokens=60, tokens_per_second=0) for index in range(3)]
        expected = [await probe.text(one) for one in plain]
    assert check_openai(events, answers=3) == expected
    assert len(set(expected)) == 3


async def test_a_failure_is_last_in_every_dialect_with_all_text_before_it() -> None:
    options = "tokens_per_second=0,tokens=40,fail_at=30"
    with processes.worker(WORKER_ENGINE_OPTIONS=options) as (worker, _), processes.edge(worker) as (edge, _):
        async with WorkerProbe(worker) as probe:
            whole = await probe.text(asked(ASKED, seed=7, fail_at=-1, tokens=30))
            whole_raw = await probe.text(asked(ASKED, raw_prompt=True, seed=7, fail_at=-1, tokens=30))
        for say in (in_native, in_lines, in_ask, in_chat):
            assert await say(edge) == whole
        assert await in_completion(edge) == whole_raw
