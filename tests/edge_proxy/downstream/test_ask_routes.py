"""The ask endpoint, before a real worker with scripted text."""

import json

from tests.edge_proxy.asgi import Client
from tests.edge_proxy.test_app import JSON, site

FAST = {"tokens_per_second": "0", "tokens": "20"}


async def test_post_and_get_stream_the_same_answer() -> None:
    async with site(worker_options=FAST) as here:
        body = json.dumps({"question": "Why?", "seed": 1}).encode()
        posted = await Client(here.edge.app, "POST", "/ask/stream", headers=JSON, body=[body]).response()
        got = await Client(here.edge.app, "GET", "/ask/stream", query="question=Why%3F&seed=1").response()
    ends = [json.loads(client.stream.messages[-1].data) for client in (posted, got)]
    assert ends[0]["type"] == "end"
    assert ends[0]["answer"] == ends[1]["answer"]
    assert ends[0]["usage"]["completionTokens"] == 20


async def test_a_refusal_is_a_status() -> None:
    async with site(worker_options=FAST) as here:
        client = await Client(here.edge.app, "GET", "/ask/stream").response()
    assert client.status == 400
    assert json.loads(client.body)["field"] == "question"
