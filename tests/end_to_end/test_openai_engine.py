"""A worker before real services: llama.cpp's own HTTP server, and another edge of ours (relay behind relay)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from protos import inference_pb2 as pb
from tests.end_to_end.conftest import Pair
from tests.support import processes
from tests.support.http import Exchange
from tests.support.llama_server import llama_server
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe

OWL = "Tell me a story about an owl."


@contextmanager
def before(service: str, **variables: str) -> Iterator[Pair]:
    """A worker before the service at that address, and an edge."""
    given = {"WORKER_ENGINE": "openai", "WORKER_UPSTREAM_URL": f"http://{service}/v1"} | variables
    with processes.worker(**given) as (worker, _), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge)


@contextmanager
def scripted(options: str) -> Iterator[Pair]:
    """A pair that plays by these options."""
    with processes.worker(WORKER_ENGINE_OPTIONS=options) as (worker, _), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge)


@pytest.fixture(scope="module")
def llama() -> Iterator[Pair]:
    with llama_server() as address, before(address, WORKER_UPSTREAM_CONTINUES="true") as pair:
        yield pair


@pytest.fixture(scope="module")
def behind() -> Iterator[Pair]:
    """A worker that echoes."""
    with scripted("echo=true,tokens_per_second=0") as pair:
        yield pair


@pytest.fixture(scope="module")
def relay(behind: Pair) -> Iterator[Pair]:
    with before(behind.edge) as pair:
        yield pair


async def text(edge: str, request: dict[str, object]) -> str:
    return check_native(await (await Exchange.post(edge, request)).all_events())


async def test_llama_cpps_server_tells_the_story_that_the_bundled_engine_tells(llama: Pair, real_pair: Pair) -> None:
    request: dict[str, object] = {"prompt": OWL, "temperature": 0, "max_tokens": 60}
    told = await text(llama.edge, request)
    assert len(told.split()) > 30
    assert told == await text(real_pair.edge, request)


async def test_llama_cpps_server_completes(llama: Pair, real_pair: Pair) -> None:
    request: dict[str, object] = {"prompt": "Once upon", "raw_prompt": True, "temperature": 0, "max_tokens": 20}
    assert await text(llama.edge, request) == await text(real_pair.edge, request)


async def test_llama_cpps_server_counts(llama: Pair) -> None:
    events = await (await Exchange.post(llama.edge, {"prompt": OWL, "max_tokens": 5, "temperature": 0})).all_events()
    assert events[-1].json["finishReason"] == "length"
    assert events[-1].json["usage"]["completionTokens"] == 5
    assert events[-1].json["usage"]["promptTokens"] > 5


async def test_llama_cpps_server_goes_on_with_a_text(llama: Pair) -> None:
    sampling = pb.Sampling(temperature=0, max_tokens=40)
    whole = pb.GenerateRequest(prompt=OWL, sampling=sampling)
    async with WorkerProbe(llama.worker) as probe:
        told = await probe.text(whole)
        words = told.split(" ")
        so_far = " ".join(words[:10])
        rest = pb.GenerateRequest(prompt=OWL, sampling=sampling)
        rest.continuation.text, rest.continuation.next_index = so_far, 12
        assert told.startswith(so_far + (await probe.text(rest))[:40])


async def test_what_the_service_refuses_is_a_status(llama: Pair) -> None:
    exchange = await Exchange.post(llama.edge, {"prompt": "x " * 5_000})
    assert exchange.status == 400
    problem = await exchange.json()
    assert problem["code"] == "INVALID_REQUEST"
    assert "context" in problem["detail"]


SAYINGS = {
    "English": 'She said: "It\'s fine." {"json": [1, 2]} <tag> & more',
    "Chinese": "春天的早上，猫在河边看日出。“你好”，它说。",  # noqa: RUF001 - it is Chinese
    "emoji": "🦉🌊 family: 👨‍👩‍👧‍👦 flag: 🇫🇷 tone: 👍🏽",
    "U+2028": "one\u2028two\u2029three\u0085four\x0bfive\x0csix",
    "NUL escapes": r"a\u0000b \x00 \0 %00 &#0;",
    "lone quotes": '" \' “ ” ‘ ’ \\" \\',  # noqa: RUF001 - of all kinds
    "line ends": "a\rb\nc\r\nd\n\n\ndata: e\n\nevent: error\n",
}


@pytest.mark.parametrize("saying", SAYINGS.values(), ids=SAYINGS)
async def test_relay_behind_relay_gives_the_same_bytes(relay: Pair, behind: Pair, saying: str) -> None:
    prompt = saying * 20
    alone, twice = [await text(edge, {"prompt": prompt}) for edge in (behind.edge, relay.edge)]
    assert alone == prompt
    assert twice.encode() == alone.encode()


async def test_reasoning_and_calls_pass_through_two_relays() -> None:
    with scripted("reasoning=3,tokens=9,tokens_per_second=0") as far, before(far.edge) as relay:
        request: dict[str, object] = {"prompt": "x", "batch_interval_ms": 0}
        events = [await (await Exchange.post(pair.edge, request)).all_events() for pair in (far, relay)]
    thought, said = [
        ["".join(event.json.get(name, "") for event in stream) for stream in events] for name in ("reasoning", "delta")
    ]
    assert len(thought[0].split()) == 3
    assert thought[0] == thought[1]
    assert said[0] == said[1]


async def test_leaving_reaches_through_two_relays() -> None:
    with scripted("tokens=1000") as far, before(far.edge) as relay:
        exchange = await Exchange.post(relay.edge, {"prompt": "x"})
        async for _ in exchange.events():
            break
        async with WorkerProbe(far.worker) as behind, WorkerProbe(relay.worker) as near:
            assert await behind.running() == 1
            exchange.close()
            await near.wait_for_running(0, limit_s=0.5)
            await behind.wait_for_running(0, limit_s=3)


async def test_a_failure_far_away_is_a_failure_here() -> None:
    with scripted("fail_at=20,tokens_per_second=0") as far, before(far.edge) as relay:
        events = await (await Exchange.post(relay.edge, {"prompt": "x"})).all_events()
    assert events[-1].json["code"] == "GENERATION_ERROR"
    assert len(check_native(events).split()) == 20


async def test_more_than_there_are_connections_are_refused_at_once() -> None:
    with scripted("stall_at=1") as far, before(far.edge, WORKER_UPSTREAM_CONNECTIONS="2") as relay:
        exchanges = [await Exchange.post(relay.edge, {"prompt": "x"}) for _ in range(3)]
        assert [exchange.status for exchange in exchanges] == [200, 200, 429]
        for exchange in exchanges:
            exchange.close()


async def test_a_service_that_answers_in_one_piece_is_one_delta_and_an_end() -> None:
    with llama_server() as address, before(address, WORKER_UPSTREAM_STREAMS="false") as pair:
        request: dict[str, object] = {"prompt": OWL, "temperature": 0, "max_tokens": 20, "batch_interval_ms": 0}
        events = await (await Exchange.post(pair.edge, request)).all_events()
    assert len(check_native(events).split()) > 10
    assert sum(bool(event.json["delta"]) for event in events) == 1
    assert events[-1].json["finishReason"] == "length"
