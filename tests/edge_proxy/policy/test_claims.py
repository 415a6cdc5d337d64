import asyncio
from typing import Any

import pytest

from edge_proxy.core.caller import Caller, Limits
from edge_proxy.core.claim import Spent
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Usage
from edge_proxy.core.quota import Amounts
from edge_proxy.core.request import GenerationRequest, Message
from edge_proxy.policy.books import OwnBooks, Read, Taken, Taking
from edge_proxy.policy.claims import ANSWER_TOKENS, Claims, Share, estimate

LIMITS = Limits(requests_per_minute=10, tokens_per_minute=1000, tokens_per_day=10_000, streams=3)
PROMPT = "x" * 40  # ten tokens, as estimated
UNOPENED = Spent("", None, 0, left=False)


class Here:
    """Claims on books of this process, at an instant that the test sets."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.now = 0.0
        self.books = OwnBooks(lambda: self.now)
        self.claims = Claims(Limits(), self.books)
        self.caller = Caller(key_id="k", limits=limits)

    def ask(self, **fields: Any) -> GenerationRequest:
        given: dict[str, Any] = {"prompt": PROMPT, "max_tokens": 100, "caller": self.caller}
        return GenerationRequest(**(given | fields))

    def make(self, *asked: GenerationRequest, cursor: Cursor | None = None) -> Share:
        share = self.claims.make(asked or [self.ask()], cursor)
        assert share
        return share

    async def granted(self, *asked: GenerationRequest, cursor: Cursor | None = None) -> Share:
        share = self.make(*asked, cursor=cursor)
        await share.grant()
        return share

    def left(self) -> tuple[int, ...]:
        """What is left of requests, tokens, tokens a day and streams."""
        claim = self.claims.make([self.ask()])
        assert claim
        taking = claim._taking._replace(asked=Amounts())
        return tuple(left.remaining for left in self.books.take_now(taking).verdict.standing)


async def refusal(share: Share) -> Failure:
    with pytest.raises(Refused) as caught:
        await share.grant()
    return caught.value.failure


def test_who_has_no_limits_has_no_claim() -> None:
    assert Claims(Limits(), OwnBooks()).make([GenerationRequest(prompt="x")]) is None


def test_who_has_none_of_his_own_has_the_default_ones() -> None:
    assert Claims(Limits(streams=1), OwnBooks()).make([GenerationRequest(prompt="x")])


async def test_a_request_takes_its_prompt_and_its_longest_answer() -> None:
    here = Here()
    share = await here.granted()
    assert here.left() == (9, 890, 9890, 2)
    assert [left.remaining for left in share.standing] == [9, 890, 9890, 2]


async def test_several_answers_are_one_request_and_a_stream_each() -> None:
    here = Here()
    await here.granted(*[here.ask()] * 3)
    assert here.left() == (9, 690, 9690, 0)


async def test_an_answer_without_a_bound_takes_a_usual_one() -> None:
    here = Here()
    await here.granted(here.ask(max_tokens=None))
    assert here.left()[1] == 990 - ANSWER_TOKENS


async def test_a_grant_is_taken_once_however_often_it_is_asked_for() -> None:
    here = Here()
    share = here.make()
    await share.grant()
    await share.grant()
    assert here.left() == (9, 890, 9890, 2)


async def test_a_finished_generation_costs_what_its_worker_counted() -> None:
    here = Here()
    share = await here.granted()
    share.end(Spent("w1-1", Usage(7, 50), 50, left=False))
    assert here.left() == (9, 943, 9943, 3)


async def test_of_several_answers_the_prompt_is_charged_once_and_all_in_the_end() -> None:
    here = Here()
    share = await here.granted(*[here.ask()] * 3)
    share.end(Spent("w1-1", Usage(7, 50), 50, left=False))
    share.end(Spent("w1-2", Usage(7, 20), 20, left=False))
    assert here.left() == (9, 690, 9690, 0)
    share.end(Spent("w1-3", None, 3, left=False))
    assert here.left() == (9, 920, 9920, 3)


async def test_a_generation_that_was_left_or_failed_costs_its_prompt_and_its_tokens_so_far() -> None:
    here = Here()
    share = await here.granted()
    share.end(Spent("w1-1", None, 33, left=True))
    assert here.left() == (9, 957, 9957, 3)


async def test_what_no_worker_takes_costs_nothing() -> None:
    here = Here()
    share = await here.granted()
    share.end(UNOPENED)
    assert here.left() == (10, 1000, 10_000, 3)


async def test_who_leaves_before_the_worker_has_answered_has_made_a_request() -> None:
    here = Here()
    share = await here.granted()
    share.end(UNOPENED._replace(left=True))
    assert here.left() == (9, 1000, 10_000, 3)


async def test_what_was_never_granted_costs_nothing() -> None:
    here = Here(Limits(requests_per_minute=1))
    share = here.make()
    share.end(UNOPENED)
    first = await here.granted()
    assert (await refusal(here.make())).code is Code.RATE_LIMITED
    first.end(UNOPENED)
    assert here.left() == (1,)


async def test_a_resume_is_a_request_and_costs_what_nobody_has_paid_for() -> None:
    here = Here()
    share = await here.granted(here.ask(resume_window_s=30.0))
    share.end(Spent("w1-1", None, 33, left=True))
    assert here.left() == (9, 957, 9957, 3)
    again = await here.granted(here.ask(prompt="", max_tokens=None), cursor=Cursor("w1-1", 30))
    assert here.left() == (8, 957, 9957, 2)
    again.end(Spent("w1-1", Usage(7, 50), 50, left=False))
    assert here.left() == (8, 957 - 17, 9957 - 17, 3)


async def test_a_resume_is_not_refused_for_want_of_tokens() -> None:
    here = Here(Limits(tokens_per_minute=20))
    await here.granted()
    assert (await refusal(here.make())).code is Code.RATE_LIMITED
    await here.granted(cursor=Cursor("w1-1", 30))


@pytest.mark.parametrize(
    ("limits", "code", "message"),
    [
        ({"requests_per_minute": 1}, Code.RATE_LIMITED, "At most 1 requests a minute can be made."),
        ({"tokens_per_minute": 1200}, Code.RATE_LIMITED, "At most 1,200 tokens a minute can be used."),
        ({"tokens_per_day": 1200}, Code.QUOTA_EXCEEDED, "At most 1,200 tokens a day can be used."),
        ({"streams": 1}, Code.RATE_LIMITED, "At most 1 streams at once can be read."),
        ({"requests_per_minute": 1, "tokens_per_day": 1}, Code.QUOTA_EXCEEDED, "At most 1 tokens a day can be used."),
    ],
)
async def test_a_refusal_says_what_there_is_not_enough_of(limits: dict[str, int], code: Code, message: str) -> None:
    here = Here(Limits(**limits))
    asked = here.ask(max_tokens=1000)
    await here.granted(asked)
    failure = await refusal(here.make(asked))
    assert failure == Failure(code, message)
    assert [left.quota.limit for left in failure.standing] == list(limits.values())


class SlowBooks:
    """Books that answer when the test says so, and note what is settled."""

    def __init__(self) -> None:
        self.own = OwnBooks(lambda: 0.0)
        self.answers = asyncio.Event()
        self.settled: list[Amounts] = []

    async def take(self, taking: Taking) -> Taken:
        await self.answers.wait()
        return self.own.take_now(taking)

    def settle(self, taken: Taken, used: Amounts, read: Read | None) -> None:
        self.settled.append(used)


async def test_what_is_granted_after_who_asked_has_left_is_given_back() -> None:
    books = SlowBooks()
    share = Claims(LIMITS, books).make([GenerationRequest(prompt=PROMPT)])
    assert share
    asking = asyncio.create_task(share.grant())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    share.end(UNOPENED)
    assert (books.settled, share.standing) == ([], ())
    books.answers.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert books.settled == [Amounts()]


def test_a_prompt_is_estimated_by_its_bytes_whoever_says_it() -> None:
    messages = (Message("system", "x" * 10), Message("user", "ö" * 5, tool_calls="y" * 3))
    assert estimate(GenerationRequest(prompt="z", messages=messages)) == 6
    assert estimate(GenerationRequest(prompt="\ud800" * 4)) == 1  # half a character is no reason to fail
