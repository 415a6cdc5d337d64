"""Each request's share of what its caller may use: how much it takes at first, and what it is charged in the end.

request                                        takes at first                     is charged
--------------------------------------------   --------------------------------   ---------------------------------
begins n generations                           1 request, n streams, its prompt   1 request; its prompt once, and
                                               and n of the longest answers       all answers, as workers count
its client leaves, or a generation fails       the same                           1 request; its prompt (estimated)
                                                                                  and the tokens so far
its client leaves before a worker has it       the same                           1 request
no worker takes it                             the same                           nothing
comes back to a generation                     1 request, 1 stream                1 request; tokens that nobody has
                                                                                  been charged for
there is not as much as it takes at first      nothing                            nothing
"""

import asyncio
from collections.abc import Sequence
from math import ceil

from edge_proxy.core.caller import ANYONE, Limits
from edge_proxy.core.claim import Spent
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.quota import Amounts, Left, Unit, quotas
from edge_proxy.core.request import GenerationRequest
from edge_proxy.policy.books import Books, Read, Taken, Taking

NONE = Limits()
ANSWER_TOKENS = 256  # taken for an answer whose request does not bound it: no short one, and no book
BYTES_PER_TOKEN = 4  # of a prompt, roughly, in most languages; what it really was is known in the end
MESSAGES = {
    "requests": (Code.RATE_LIMITED, "At most {:,} requests a minute can be made."),
    "tokens": (Code.RATE_LIMITED, "At most {:,} tokens a minute can be used."),
    "tokens-per-day": (Code.QUOTA_EXCEEDED, "At most {:,} tokens a day can be used."),
    "streams": (Code.RATE_LIMITED, "At most {:,} streams at once can be read."),
}


class Claims:
    """Makes them.

    Args:
        default: The limits of callers that have none of their own.
        books: Where it is written down what was used.
    """

    def __init__(self, default: Limits, books: Books) -> None:
        self._default = default
        self._free = default == NONE
        self._books = books

    def make(self, asked: Sequence[GenerationRequest], cursor: Cursor | None = None) -> "Share | None":
        """The share that generations of one request are to have, or reading on at a cursor; None: no limits."""
        caller = asked[0].caller
        if self._free and (caller.limits is ANYONE.limits or caller.limits == NONE):  # the first of which takes no time
            return None
        bounds = quotas(caller.limits, self._default)
        counts_tokens = cursor is None and any(quota.unit is Unit.TOKENS for quota in bounds)
        prompt = estimate(asked[0]) if counts_tokens else 0
        answers = sum(request.max_tokens or ANSWER_TOKENS for request in asked) if counts_tokens else 0
        taking = Taking(caller.key_id, bounds, Amounts(1, prompt + answers, len(asked)))
        kept = asked[0].resume_window_s > 0
        return Share(self._books, taking, prompt_tokens=prompt, cursor=cursor, kept=kept)


class Share:
    """One. See `Claim`.

    Args:
        books: Where it is written down.
        taking: What it takes at first.
        prompt_tokens: As estimated.
        cursor: Where it goes on, if it begins nothing.
        kept: Someone may come back to its generation.
    """

    def __init__(self, books: Books, taking: Taking, *, prompt_tokens: int, cursor: Cursor | None, kept: bool) -> None:
        self._books = books
        self._taking = taking
        self._prompt_tokens = prompt_tokens
        self._cursor = cursor
        self._kept = kept
        self._taken: asyncio.Task[Taken] | None = None
        self._spent: list[Spent] = []

    @property
    def standing(self) -> tuple[Left, ...]:
        """See `Claim`."""
        return self._taken.result().verdict.standing if self._taken and self._taken.done() else ()

    async def grant(self) -> None:
        """See `Claim`."""
        if self._taken is None:
            self._taken = asyncio.create_task(self._books.take(self._taking))
        # Whoever has asked may leave meanwhile; what was taken must be known all the same, to be given back.
        verdict = (await asyncio.shield(self._taken)).verdict
        if not verdict.granted:
            raise Refused(_refusal(verdict.standing))

    def end(self, spent: Spent) -> None:
        """See `Claim`."""
        self._spent.append(spent)
        if self._taken is not None and len(self._spent) == self._taking.asked.streams:
            if self._taken.done():
                self._settle(self._taken)
            else:
                self._taken.add_done_callback(self._settle)

    def _settle(self, taken: asyncio.Task[Taken]) -> None:
        if not taken.cancelled() and taken.result().verdict.granted:
            self._books.settle(taken.result(), self._used(), self._read())

    def _used(self) -> Amounts:
        opened = [spent for spent in self._spent if spent.generation_id]
        requests = int(bool(opened) or any(spent.left for spent in self._spent))
        if not opened or self._cursor:
            return Amounts(requests)
        usages = [spent.usage for spent in opened if spent.usage]
        prompt = max([usage.prompt_tokens for usage in usages], default=0) or self._prompt_tokens
        answers = [spent.usage.completion_tokens if spent.usage else spent.next_index for spent in opened]
        return Amounts(requests, prompt + sum(answers))

    def _read(self) -> Read | None:
        if not (self._cursor or self._kept) or not self._spent[0].generation_id:
            return None
        begin = self._cursor.next_index if self._cursor else 0
        return Read(self._spent[0].generation_id, begin, self._spent[0].next_index, again=self._cursor is not None)


def estimate(request: GenerationRequest) -> int:
    """How many tokens its prompt has, at a guess."""
    texts = [request.prompt, *[message.content + message.tool_calls for message in request.messages]]
    return ceil(sum(len(text.encode("utf-8", "replace")) for text in texts) / BYTES_PER_TOKEN)


def _refusal(standing: Sequence[Left]) -> Failure:
    """In the words of the bound that lasts longest."""
    worst = max((left for left in standing if left.violated), key=lambda left: left.wait_s)
    code, message = MESSAGES[worst.quota.name]
    return Failure(code, message.format(worst.quota.limit), standing=tuple(standing))
