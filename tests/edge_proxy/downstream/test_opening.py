import asyncio

import pytest

from edge_proxy.core.claim import Spent
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Usage
from tests.edge_proxy.downstream.played_answers import Answers
from tests.edge_proxy.downstream.played_claim import STANDING, PlayedClaim
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


@in_virtual_time
async def test_the_worker_is_asked_when_the_claim_is_granted_and_not_before() -> None:
    claim = PlayedClaim()
    answers = Answers(1, claim)
    claim.answers.clear()
    opening = asyncio.create_task(answers.openings[0].open())
    await settle()
    assert answers.upstream.generations == []
    claim.answers.set()
    assert await opening == "w1-1"
    assert answers.openings[0].standing == STANDING


@in_virtual_time
async def test_a_claim_that_is_refused_asks_no_worker() -> None:
    claim = PlayedClaim()
    claim.refusal = Refused(Failure(Code.RATE_LIMITED))
    answers = Answers(1, claim)
    with pytest.raises(Refused) as caught:
        await answers.openings[0].open()
    assert caught.value is claim.refusal
    assert answers.upstream.generations == []


@in_virtual_time
async def test_who_leaves_before_the_claim_is_granted_asks_no_worker() -> None:
    claim = PlayedClaim()
    claim.answers.clear()
    answers = Answers(1, claim)
    opening = asyncio.create_task(answers.openings[0].open())
    await settle()
    answers.openings[0].stream.fail(Code.CANCELLED)
    with pytest.raises(Refused):
        await opening
    answers.openings[0].close()
    assert claim.spent == [Spent("", None, 0, left=True)]
    assert answers.upstream.generations == []


@pytest.mark.parametrize(
    ("end", "spent"),
    [
        ("finish", Spent("w1-1", Usage(3, 5), 2, left=False)),
        ("fail", Spent("w1-1", None, 2, left=False)),
        ("leave", Spent("w1-1", None, 2, left=True)),
        ("finish, leave", Spent("w1-1", Usage(3, 5), 2, left=True)),  # it was made, if not delivered
    ],
)
def test_what_was_spent_is_told_when_it_is_closed(end: str, spent: Spent) -> None:
    @in_virtual_time
    async def run() -> None:
        claim = PlayedClaim()
        answers = Answers(1, claim)
        await answers.openings[0].open()
        answers.upstream.last.say("a", "b")
        if "finish" in end:
            answers.upstream.last.end()
        if "fail" in end:
            answers.upstream.last.end(Failure(Code.WORKER_LOST))
        if "leave" in end:
            answers.openings[0].stream.fail(Code.CANCELLED)
        assert claim.spent == []
        answers.openings[0].close()
        assert claim.spent == [spent]

    run()


@in_virtual_time
async def test_what_the_worker_refuses_was_never_opened() -> None:
    claim = PlayedClaim()
    answers = Answers(1, claim)
    answers.upstream.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused):
        await answers.openings[0].open()
    answers.openings[0].close()
    assert claim.spent == [Spent("", None, 0, left=False)]
