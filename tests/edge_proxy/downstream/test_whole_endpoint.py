import json

import pytest

from edge_proxy.core.errors import Code, Refused
from edge_proxy.dialects.openai import CHAT, Answer
from edge_proxy.downstream.whole_endpoint import WholeResponse
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_answers import Answers
from tests.edge_proxy.downstream.played_upstream import LOST
from tests.support.virtual_time import in_virtual_time, settle

DIALECT = Answer(CHAT, "tiny", 1)


async def start(answers: Answers) -> Client:
    return await answers.start(lambda openings: WholeResponse(openings, DIALECT))


@in_virtual_time
async def test_the_answers_leave_in_one_piece_when_the_last_has_ended() -> None:
    answers = Answers(2)
    client = await start(answers)
    first, second = answers.upstream.generations
    second.say("a", "b")
    second.end()
    first.say("c")
    await settle()
    assert client.sent == []
    first.end()
    await client.response()
    assert client.status == 200
    assert client.headers["x-generation-id"] == "w1-1"
    said = json.loads(client.body)
    assert [choice["message"]["content"] for choice in said["choices"]] == ["c", "ab"]


@in_virtual_time
async def test_a_failure_is_a_status_because_nothing_was_sent() -> None:
    answers = Answers(2)
    client = await start(answers)
    first, second = answers.upstream.generations
    first.say("a")
    second.end(LOST)
    with pytest.raises(Refused) as caught:
        await client.response()
    assert caught.value.failure.code is Code.WORKER_LOST
    assert first.left
    assert client.sent == []


@in_virtual_time
async def test_a_client_that_leaves_stops_the_work() -> None:
    answers = Answers(1)
    client = await start(answers)
    answers.upstream.last.say("a")
    client.leave()
    await client.response()
    assert answers.upstream.last.left
    assert client.sent == []
