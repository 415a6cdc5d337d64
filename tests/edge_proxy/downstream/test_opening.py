import asyncio

import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from tests.edge_proxy.downstream.played_answers import Answers
from tests.support.virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_it_gives_the_generations_id_and_leaves_it_when_closed() -> None:
    answers = Answers(1)
    assert await answers.openings[0].open() == "w1-1"
    assert not answers.upstream.last.left
    answers.openings[0].close()
    assert answers.upstream.last.left
    assert answers.done == 1


@pytest.mark.parametrize("code", [Code.CANCELLED, Code.SERVER_DRAINING])
@in_virtual_time
async def test_the_worker_is_asked_no_more_when_this_side_has_ended_it(code: Code) -> None:
    answers = Answers(1)
    answers.upstream.answers.clear()
    opening = asyncio.create_task(answers.openings[0].open())
    await settle()
    answers.openings[0].stream.fail(code)
    with pytest.raises(Refused) as caught:
        await opening
    assert caught.value.failure == Failure(code)
    assert answers.upstream.abandoned == 1


@in_virtual_time
async def test_what_is_opened_after_its_end_is_left_at_once() -> None:
    answers = Answers(1)
    answers.openings[0].stream.fail(Code.CANCELLED)
    await answers.openings[0].open()
    assert answers.upstream.last.left


@in_virtual_time
async def test_the_workers_refusal_is_handed_on() -> None:
    answers = Answers(1)
    answers.upstream.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused) as caught:
        await answers.openings[0].open()
    assert caught.value.failure.code is Code.OVERLOADED
