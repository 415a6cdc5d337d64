"""The endpoints for OpenAI's SDKs, before a real worker with scripted text."""

import json
from typing import Any

import pytest

from tests.edge_proxy.asgi import Client
from tests.edge_proxy.test_app import JSON, Site, site

HELLO = [{"role": "user", "content": "Hello"}]
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
FAST = {"tokens_per_second": "0", "tokens": "20"}


async def ask(here: Site, path: str = CHAT, **fields: Any) -> Client:
    """Post a request; with messages or a prompt, whichever the address takes."""
    given = {"model": "scripted"} | ({"messages": HELLO} if path == CHAT else {"prompt": "Hello"}) | fields
    client = Client(here.edge.app, "POST", path, headers=JSON, body=[json.dumps(given).encode()])
    return await client.response()


def chunks(client: Client) -> list[dict[str, Any]]:
    *data, done = [message.data for message in client.stream.messages]
    assert done == "[DONE]"
    return [json.loads(item) for item in data]


def texts(client: Client) -> dict[int, str]:
    """The text of each choice of a streamed chat."""
    said: dict[int, str] = {}
    for chunk in chunks(client):
        for choice in chunk["choices"]:
            said[choice["index"]] = said.get(choice["index"], "") + choice["delta"].get("content", "")
    return said


def failure(client: Client) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(client.body)["error"]
    return said


async def test_streamed_and_whole_the_answer_is_the_same() -> None:
    async with site(worker_options=FAST) as here:
        streamed, whole = await ask(here, stream=True, seed=1), await ask(here, seed=1)
    answer = json.loads(whole.body)
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert texts(streamed) == {0: answer["choices"][0]["message"]["content"]}
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 20, "total_tokens": 21}
    assert (answer["model"], answer["object"]) == ("scripted", "chat.completion")


async def test_several_answers_are_told_apart_by_their_index() -> None:
    async with site(worker_options=FAST) as here:
        streamed = await ask(here, stream=True, seed=5, n=3, stream_options={"include_usage": True})
        alone = [json.loads((await ask(here, seed=5 + index)).body) for index in range(3)]
    assert texts(streamed) == {index: one["choices"][0]["message"]["content"] for index, one in enumerate(alone)}
    assert len(set(texts(streamed).values())) == 3
    said = chunks(streamed)
    assert said[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 60, "total_tokens": 61}
    assert sorted(c["index"] for chunk in said for c in chunk["choices"] if c["finish_reason"]) == [0, 1, 2]


async def test_completions_have_text() -> None:
    async with site(worker_options=FAST) as here:
        streamed = await ask(here, COMPLETIONS, stream=True, max_tokens=5)
        whole = json.loads((await ask(here, COMPLETIONS, max_tokens=5)).body)
    said = [chunk["choices"][0] for chunk in chunks(streamed)]
    assert "".join(choice["text"] for choice in said) == whole["choices"][0]["text"]
    assert said[-1]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_that_nobody_serves_is_a_404_in_openais_shape(*, stream: bool) -> None:
    async with site(worker_options=FAST) as here:
        client = await ask(here, model="gpt-0", stream=stream)
    assert client.status == 404
    assert failure(client)["code"] == "model_not_found"
    assert client.headers["x-should-retry"] == "false"


async def test_a_wrong_field_is_named() -> None:
    async with site(worker_options=FAST) as here:
        client = await ask(here, temperature=9)
    assert client.status == 400
    assert (failure(client)["param"], failure(client)["type"]) == ("temperature", "invalid_request_error")


async def test_a_failure_within_the_stream_is_an_error_event_and_else_a_status() -> None:
    async with site(worker_options=FAST | {"fail_at": "3"}) as here:
        streamed, whole, three = await ask(here, stream=True), await ask(here), await ask(here, stream=True, n=3)
    for client in (streamed, three):
        last = client.stream.messages[-1]
        assert (client.status, last.type) == (200, "error")
        assert json.loads(last.data)["error"]["type"] == "server_error"
        assert b"[DONE]" not in client.body
    assert whole.status == 502
    assert whole.headers["x-should-retry"] == "true"


async def test_models_are_listed_and_found() -> None:
    async with site() as here:
        listed = await here.ask("GET", "/v1/models").response()
        found = await here.ask("GET", "/v1/models/scripted").response()
        none = await here.ask("GET", "/v1/models/gpt-0").response()
    model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "scripted"}
    assert json.loads(listed.body) == {"object": "list", "data": [model]}
    assert json.loads(found.body) == model
    assert (none.status, failure(none)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/chat/completions/"])
async def test_what_is_not_there_is_said_in_openais_shape(path: str) -> None:
    async with site() as here:
        client = await here.ask("DELETE", path).response()
    assert client.status in (404, 307, 405)
    if client.status != 307:
        assert "error" in json.loads(client.body)
