"""What is counted of generations, by a registry and an engine that the test plays."""

import asyncio
import logging

import pytest

from inference_worker.engines.base import Finish, Sink
from inference_worker.logs import FIELDS
from inference_worker.request import Request
from inference_worker.status import EngineError, Refused
from inference_worker.watching import Story, log_generation
from tests.edge_proxy.upstream.readers import eventually
from tests.inference_worker.one_run_engine import OneRunEngine
from tests.inference_worker.registries import make_registry

OURS = "token_relay_worker_"
NAMES = ("text_completion", "plain", "plain")


class Bench:
    """A registry whose engine says so many tokens and then does what it is told."""

    def __init__(self, *, tokens: int = 3, then: Exception | None = None, for_ever: bool = False) -> None:
        async def play(sink: Sink) -> Finish:
            for number in range(tokens):
                sink.push(str(number))
            if for_ever:
                await asyncio.Event().wait()
            if then:
                raise then
            return Finish("stop", 5)

        self.registry = make_registry(OneRunEngine(play))
        self.stories: list[Story] = []
        self.registry.watching.on_end.append(self.stories.append)

    def value(self, name: str, *labels: str) -> float:
        return self.registry.figures().values.get((OURS + name, *labels), 0)

    def seen(self, name: str, *labels: str) -> int:
        """How many values a histogram has."""
        counts, _ = self.registry.figures().histograms.get((name, *labels), ([0], 0.0))
        return sum(counts)

    async def run(self, request: Request | None = None) -> Story:
        """One generation, to its end."""
        await self.registry.start(request or Request(raw_prompt="x"))
        await eventually(lambda: self.stories)
        return self.stories[-1]


async def test_a_generation_that_finishes_is_counted_with_its_tokens() -> None:
    bench = Bench()
    story = await bench.run()
    assert (story.outcome, story.finish_reason, story.tokens, story.prompt_tokens) == ("finished", "stop", 3, 5)
    assert bench.value("generations_started_total") == 1
    assert bench.value("generations_ended_total", "finished", "") == 1
    assert (bench.value("tokens_total", "completion"), bench.value("tokens_total", "prompt")) == (3, 5)
    assert bench.seen(OURS + "ready_seconds") == 1
    assert bench.seen("gen_ai_server_request_duration_seconds", *NAMES, "") == 1


async def test_tokens_of_a_generation_that_runs_are_counted_and_once_only() -> None:
    bench = Bench(for_ever=True)
    generation = await bench.registry.start(Request(raw_prompt="x"))
    await eventually(lambda: bench.value("tokens_total", "completion") == 3)
    assert bench.value("generations_running") == 1
    bench.registry.cancel(generation.id)
    await eventually(lambda: bench.stories)
    assert bench.value("tokens_total", "completion") == 3
    assert bench.value("generations_running") == 0


async def test_a_stop_is_cancelled_and_takes_its_time() -> None:
    bench = Bench(for_ever=True)
    generation = await bench.registry.start(Request(raw_prompt="x"))
    await asyncio.sleep(0)
    bench.registry.cancel(generation.id)
    await eventually(lambda: bench.stories)
    assert bench.value("generations_ended_total", "cancelled", "CANCELLED") == 1
    assert bench.seen(OURS + "cancel_seconds") == 1


async def test_a_failure_has_its_code() -> None:
    bench = Bench(then=EngineError("no more"))
    await bench.run()
    assert bench.value("generations_ended_total", "failed", "INTERNAL") == 1


async def test_a_refusal_is_no_generation() -> None:
    bench = Bench()
    with pytest.raises(Refused):
        await bench.registry.start(Request(raw_prompt="x", model="another"))
    assert bench.value("refusals_total", "NOT_FOUND") == 1
    assert bench.value("generations_started_total") == 0


async def test_a_generation_that_was_begun_elsewhere_counts_what_is_made_here() -> None:
    bench = Bench()
    story = await bench.run(Request(raw_prompt="x", continued_text="ab", first_index=2, generation_id="w9-1"))
    assert (story.generation_id, story.tokens) == ("w9-1", 3)


async def test_what_is_held_is_told() -> None:
    bench = Bench()
    await bench.run()
    assert bench.value("generations_held") == 1
    assert bench.value("held_chars") == 3
    assert bench.value("info", bench.registry.worker_id, "plain", "plain") == 1


async def test_a_generation_is_one_record_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    log_generation(await bench.run())
    [record] = [record for record in caplog.records if record.name == "inference_worker.generations"]
    fields = getattr(record, FIELDS)
    assert (fields["tokens"], fields["outcome"], fields["engine"]) == (3, "finished", "plain")
    assert "012" not in str(fields)
