"""What the two services tell Prometheus of streams that really ran."""

import asyncio
import contextlib

import httpx
import pytest

from tests.support import metrics, processes
from tests.support.http import Exchange

EDGE, WORKER = "token_relay_edge_", "token_relay_worker_"
PATH = "/api/v1/ai/generate"


def ask(edge: str, **fields: object) -> httpx.Response:
    options = {"tokens": 20, "tokens_per_second": 200}
    return httpx.post(f"http://{edge}{PATH}", json={"prompt": "x", "engine_options": options} | fields)


async def test_both_services_tell_of_the_same_streams() -> None:
    with processes.worker() as (worker, inference), processes.edge(worker) as (edge, proxy):
        for _ in range(3):
            ask(edge)
        ask(edge, engine_options={"tokens": 20, "fail_at": 5})
        left = await Exchange.post(edge, {"prompt": "x", "engine_options": {"stall_at": 2}})
        left.reset()
        await asyncio.sleep(0)  # which resets it
        ask(edge, model="another")
        ask(edge, prompt=3)
        here, there = metrics.address(proxy), metrics.address(inference)
        processes.wait_until(
            lambda: metrics.scrape(there).sum(f"{WORKER}generations_ended_total", outcome="cancelled") == 1,
            "the client's leaving has reached the engine",
        )
        ended = f"{EDGE}streams_ended_total"
        processes.wait_until(lambda: metrics.scrape(here).sum(ended) == 6, "the edge has told of all")
        told = metrics.scrape(here)
        assert told.sum(ended, outcome="finished", dialect="native") == 3
        assert told.sum(ended, outcome="failed", code="GENERATION_ERROR") == 1
        assert told.sum(ended, outcome="cancelled", code="CANCELLED") == 1
        assert told.sum(f"{EDGE}streams_started_total") == told.sum(ended)
        assert told.sum(f"{EDGE}refusals_total", code="INVALID_REQUEST") == 1
        assert told.sum(f"{EDGE}refusals_total", code="NOT_FOUND") == 1
        assert told.sum(f"{EDGE}worker_up") == 1
        assert told.sum(f"{EDGE}time_to_first_token_seconds_count") == 5
        assert told.sum(f"{EDGE}sent_bytes_total") > 1000

        made = metrics.scrape(there)
        assert made.sum(f"{WORKER}generations_ended_total", outcome="finished") == 3
        assert made.sum(f"{WORKER}generations_ended_total", outcome="failed") == 1
        assert made.sum(f"{WORKER}tokens_total", kind="completion") == told.sum(f"{EDGE}tokens_total")
        assert made.sum(f"{WORKER}info", engine="scripted") == 1
        assert made.sum(f"{WORKER}exchange_calls") == 1
        assert made.sum(f"{WORKER}cancel_seconds_count") == 1
        assert made.sum("gen_ai_server_time_to_first_token_seconds_count", gen_ai_provider_name="scripted") == 5
        assert 0 < made.sum("gen_ai_server_time_per_output_token_seconds_sum") < 0.1


def test_the_port_that_all_may_reach_has_no_metrics() -> None:
    given = {"EDGE_HOST": "0.0.0.0", "EDGE_ALLOW_ANONYMOUS": "true"}  # noqa: S104 - that is the question
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, proxy):
        assert httpx.get(f"http://{edge}/metrics").status_code == 404
        assert metrics.scrape(metrics.address(proxy)).sum(f"{EDGE}worker_up") == 1


def test_on_this_machine_alone_the_one_port_has_them_too() -> None:
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_METRICS_PORT="-1") as (edge, proxy):
        assert metrics.scrape(edge).sum(f"{EDGE}worker_up") == 1
        assert "Metrics are at" not in proxy.output()


@pytest.mark.parametrize("service", ["edge", "worker"])
def test_a_port_that_was_asked_for_and_is_taken_prevents_the_start(service: str) -> None:
    with contextlib.ExitStack() as stack:
        worker, inference = stack.enter_context(processes.worker())
        port = metrics.address(inference).rpartition(":")[2]
        starting = (
            processes.Service("-m", "edge_proxy", "serve", EDGE_PORT="0", EDGE_WORKERS=worker, EDGE_METRICS_PORT=port)
            if service == "edge"
            else processes.Service(
                "-m", "inference_worker", WORKER_ENGINE="scripted", WORKER_PORT="0", WORKER_METRICS_PORT=port
            )
        )
        stack.callback(starting.stop)
        assert starting.process.wait(30) == 1
        assert f"127.0.0.1:{port} can not be listened on, for metrics" in starting.output()
