from collections.abc import Sequence

import pytest
from starlette.types import Scope, Send

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.generation_response import GenerationResponse
from edge_proxy.downstream.opening import Opening
from tests.edge_proxy.downstream.played_answers import Answers
from tests.support.virtual_time import in_virtual_time, settle


class Noting(GenerationResponse):
    """Says only which id it was given."""

    def __init__(self, openings: Sequence[Opening]) -> None:
        super().__init__(openings, "noted")

    async def respond(self, generation_id: str, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": generation_id.encode()})


@in_virtual_time
async def test_all_are_opened_and_the_first_gives_the_id() -> None:
    answers = Answers(3)
    client = await (await answers.start(Noting)).response()
    assert client.body == b"w1-1"
    assert len(answers.upstream.generations) == 3
    assert all(generation.left for generation in answers.upstream.generations)
    assert answers.done == 3


@in_virtual_time
async def test_one_refusal_is_that_of_all() -> None:
    answers = Answers(2)
    answers.upstream.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused):
        await (await answers.start(Noting)).response()
    assert answers.done == 2


@in_virtual_time
async def test_a_client_that_leaves_before_is_told_nothing() -> None:
    answers = Answers(2)
    answers.upstream.answers.clear()
    client = await answers.start(Noting)
    client.leave()
    await client.response()
    await settle()
    assert client.sent == []
    assert (answers.upstream.abandoned, answers.done) == (1, 2)
