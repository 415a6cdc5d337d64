"""Secrets in all that a client sends, looked for in all that is written down: logs, metrics, traces, error bodies."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from websockets.asyncio.client import connect

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc
from tests.support import metrics, processes
from tests.support.collector import Collector, collector

NATIVE, CHAT, ASK, STAGED = "/api/v1/ai/generate", "/v1/chat/completions", "/ask/stream", "/chat/stream"
NASTY = "\r\nforged line\x1b[31m\x85\u2028"


class Site(NamedTuple):
    edge: str
    worker: str
    proxy: processes.Service
    inference: processes.Service
    received: Collector


class Canaries:
    """Words that appear nowhere else; each says where it was put."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self.put: set[str] = set()

    def __call__(self, where: str) -> str:
        word = f"canary{where}{self._token}"
        self.put.add(word)
        return word

    def found(self, text: str) -> set[str]:
        """Those that are in it."""
        return {word for word in self.put if word in text}


@pytest.fixture(scope="module", params=["text", "json"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Both services, sending spans, and logging in one of the two formats."""
    with collector() as (address, received):
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        worker_given, edge_given = {"WORKER_LOG_FORMAT": request.param}, {"EDGE_LOG_FORMAT": request.param}
        with (
            processes.worker(**given | worker_given) as (worker, inference),
            processes.edge(worker, **given | edge_given) as (edge, proxy),
        ):
            yield Site(edge, worker, proxy, inference, received)


def headers(canary: Canaries) -> dict[str, str]:
    return {
        "authorization": f"Bearer {canary('bearer')}",
        "cookie": f"session={canary('cookie')}",
        "x-api-key": canary("apikey"),
        "traceparent": canary("traceparent"),
        "tracestate": f"vendor={canary('tracestate')}",
        "x-request-id": f"not plain: {canary('requestid')}",
        "user-agent": canary("useragent"),
        "referer": f"https://x.example/?{canary('referer')}",
    }


def requests(canary: Canaries) -> list[dict[str, Any]]:
    """Good ones and bad ones, with something secret wherever there is room."""
    prompt = canary("prompt") + NASTY
    echo = {"echo": "true", "tokens_per_second": 0}
    chat = [{"role": "system", "content": canary("system")}, {"role": "user", "content": prompt}]
    url = f"?key={canary('query')}"
    return [
        {"url": NATIVE + url, "json": {"prompt": prompt, "engine_options": echo}},
        {"url": NATIVE + url, "json": {"prompt": prompt, "engine_options": {"fail_at": 2}}},
        {"url": NATIVE + url, "json": {"messages": chat, "stop": [canary("stop")], "engine_options": echo}},
        {"url": CHAT + url, "json": {"messages": chat, "user": canary("user"), "max_tokens": 3}},
        {"url": CHAT + url, "json": {"messages": chat, "stream": True, "max_tokens": 3}},
        {"url": ASK + url, "json": {"question": prompt}},
        {"url": STAGED + url, "json": {"message": prompt, "mode": "agent_multi", "engine_options": echo}},
        {"url": STAGED + url, "json": {"message": prompt, "mode": canary("mode")}},
        {"url": NATIVE + url, "json": {"prompt": prompt, "temperature": 99}},
        {"url": NATIVE + url, "json": {"prompt": prompt + "\0"}},
        {"url": NATIVE + url, "json": {"prompt": {"nested": canary("nested")}}},
        {"url": NATIVE + url, "json": {"prompt": "x", "model": canary("model")}},
        {"url": NATIVE + url, "json": {"prompt": "x", "max_tokens": canary("number")}},
        {"url": NATIVE + url, "json": {"prompt": "x", "engine_options": {"tokens": canary("option")}}},
        {"url": NATIVE + url, "content": f'{{"prompt": "{canary("broken")}'},
        {"url": NATIVE + url, "content": canary("typed"), "headers": {"content-type": f"text/{canary('type')}"}},
        {"url": NATIVE + url, "json": {"prompt": "x"}, "headers": {"last-event-id": canary("eventid")}},
        {"url": f"/nothing/{canary('path')}" + url, "json": {}},
        {"url": CHAT + url, "json": {"messages": [{"role": canary("role"), "content": prompt}]}},
    ]


async def by_grpc(worker: str, canary: Canaries) -> None:
    """The worker asked directly, once well and once not."""
    metadata = (("authorization", f"Bearer {canary('metadata')}"), ("x-secret", canary("secret")))
    async with grpc.aio.insecure_channel(worker) as channel:
        stub = rpc.AIAgentServiceStub(channel)
        for options in ({"tokens": "3"}, {"fail_at": "2"}, {"tokens": canary("grpcoption")}):
            request = pb.GenerateRequest(
                prompt=canary("grpcprompt") + "\x1b[31m", engine_options=options, trace_parent=canary("grpctrace")
            )
            call = stub.GenerateTextStream(request, metadata=metadata)
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in call:
                    pass
            assert canary.found(await call.details() or "") == set()


async def by_socket(edge: str, canary: Canaries) -> None:
    """A good frame, and some that are none."""
    url = f"ws://{edge}{NATIVE}/ws?ticket={canary('ticket')}"
    async with connect(url, proxy=None, additional_headers={"authorization": canary("upgrade")}) as socket:
        good = {"type": "generate", "ref": "1", "prompt": canary("frame"), "engine_options": {"tokens": 3}}
        for frame in ({"type": canary("frametype"), "ref": "2"}, {"type": "generate", canary("member"): 1}, good):
            await socket.send(json.dumps(frame))
        last = ""
        while '"isFinal":true' not in last:
            last = str(await socket.recv())
            assert canary.found(last) <= {word for word in canary.put if "member" in word}, last


def by_http(edge: str, canary: Canaries) -> list[httpx.Response]:
    with httpx.Client(base_url=f"http://{edge}", headers=headers(canary), timeout=30) as client:
        return [client.post(request.pop("url"), **request) for request in requests(canary)]


def said(answer: httpx.Response) -> str:
    """The text of a native stream."""
    data = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return "".join(event.get("delta", "") for event in data)


async def test_no_secret_is_written_down_anywhere(site: Site) -> None:
    canary = Canaries()
    answers = await asyncio.to_thread(by_http, site.edge, canary)
    await by_grpc(site.worker, canary)
    await by_socket(site.edge, canary)
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert len(refused) >= 9
    for answer in refused:
        assert canary.found(answer.text) == set(), answer.text
        assert canary.found(str(answer.headers)) == set()
    assert canary.found(said(answers[0]))  # the prompt, to who asked: else there would be nothing to find

    expected = sum(answer.status_code == 200 for answer in answers)
    processes.wait_until(lambda: len(site.received.named("stream")) >= expected, "spans have come")
    for service in (site.proxy, site.inference):
        assert canary.found(service.output()) == set()
        assert canary.found(metrics.scrape(metrics.address(service)).text) == set()
    assert canary.found(site.received.raw.decode("latin-1")) == set()
    assert len(canary.put) > 25


async def test_no_word_of_a_client_breaks_a_line_of_the_log(site: Site) -> None:
    await asyncio.to_thread(by_http, site.edge, Canaries())
    await by_grpc(site.worker, Canaries())
    for service in (site.proxy, site.inference):
        lines = service.output().splitlines()
        assert [line for line in lines if not line.isprintable() or line.startswith("forged")] == []
        if lines[0].startswith("{"):
            assert all(json.loads(line)["message"] for line in lines)
