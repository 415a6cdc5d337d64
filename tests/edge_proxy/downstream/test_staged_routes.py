"""The staged endpoint, before a real worker with scripted text."""

import json
from itertools import pairwise
from typing import Any

from tests.edge_proxy.asgi import Client
from tests.edge_proxy.test_app import JSON, Site, site
from tests.support.staged import CODE, RIGHT, asked

PATH = "/chat/stream"
FAST = {"tokens_per_second": "0", "tokens": "20"}


async def posted(here: Site, body: dict[str, Any], **headers: str) -> Client:
    sent = [json.dumps(body).encode()]
    return await Client(here.edge.app, "POST", PATH, headers=JSON | headers, body=sent).response()


async def test_stages_are_told_and_what_they_made_and_the_end() -> None:
    async with site() as here:
        client = await posted(here, asked())
    said = [json.loads(message.data) for message in client.stream.messages]
    assert client.headers["content-type"].startswith("text/event-stream")
    assert [item["type"] for item in said[-2:]] == ["complete", "done"]
    assert {item["stage"] for item in said[:-2]} == {"planner", "executor", "execution", "verifier"}
    assert said[-2]["data"]["reply"] == RIGHT
    assert said[-2]["data"]["generated_code"] == CODE


async def test_post_and_get_stream_the_same_answer() -> None:
    async with site(worker_options=FAST) as here:
        one = await posted(here, {"message": "Why?", "seed": 1})
        query = "message=Why%3F&seed=1&mode=ask"
        other = await Client(here.edge.app, "GET", PATH, query=query).response()
    ends = [json.loads(client.stream.messages[-2].data) for client in (one, other)]
    assert ends[0] == ends[1]
    assert ends[0]["data"]["usage"]["completionTokens"] == 20


async def test_a_refusal_is_a_status_that_names_the_field() -> None:
    async with site(worker_options=FAST) as here:
        for body, field in (({"mode": "ask"}, "message"), (asked(options={"x": 1}), "engine_options.x")):
            client = await posted(here, body)
            assert client.status == 400
            assert json.loads(client.body)["field"] == field


async def test_a_request_that_says_where_it_stands_goes_on() -> None:
    async with site() as here:
        first = await posted(here, asked(resumable=True))
        messages = first.stream.messages
        for before, after in pairwise(messages):
            again = await posted(here, {}, **{"last-event-id": before.last_event_id})
            assert again.stream.messages[0].data == after.data
            assert again.stream.messages[-1] == messages[-1]
        assert (await posted(here, {}, **{"last-event-id": messages[-1].last_event_id})).status == 204


async def test_its_schema_says_what_can_be_asked() -> None:
    async with site() as here:
        schema = json.loads((await here.ask("GET", "/openapi.json").response()).body)
    operation = schema["paths"][PATH]["post"]
    properties = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {"message", "mode", "model", "history", "session_id"} <= set(properties)
    assert properties["mode"]["enum"] == ["ask", "agent_single", "agent_multi"]
    assert {"401", "429"} <= set(operation["responses"])
    names = {parameter["name"] for parameter in schema["paths"][PATH]["get"]["parameters"]}
    assert "message" in names
    assert "history" not in names
