from edge_proxy.core.caller import Limits
from edge_proxy.core.quota import Amounts, quotas
from edge_proxy.policy.books import MARK_S, SWEEP_S, OwnBooks, Read, Taking

LIMITS = quotas(Limits(requests_per_minute=2, tokens_per_minute=1000, streams=2), Limits())
ASKED = Amounts(requests=1, tokens=100, streams=1)


class Here:
    """Books of this process, at an instant that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.books = OwnBooks(lambda: self.now)

    def taking(self, key_id: str = "k", asked: Amounts = ASKED) -> Taking:
        return Taking(key_id, LIMITS, asked)

    def tokens_left(self) -> int:
        return self.books.take_now(self.taking(asked=Amounts())).verdict.standing[1].remaining


async def test_callers_do_not_take_from_each_other() -> None:
    here = Here()
    granted = [(await here.books.take(here.taking(key))).verdict.granted for key in ("a", "a", "a", "b", "b", "b")]
    assert granted == [True, True, False, True, True, False]


async def test_what_is_settled_is_charged() -> None:
    here = Here()
    taken = await here.books.take(here.taking())
    assert here.tokens_left() == 900
    here.books.settle(taken, Amounts(1, 30), None)
    assert here.tokens_left() == 970


async def test_who_comes_back_pays_for_what_nobody_has_paid_for() -> None:
    here = Here()
    paid = [10, 15, 0, 0]
    here.books.settle(await here.books.take(here.taking()), Amounts(1, 40), Read("w1-1", 0, 40, again=False))
    for (begin, end), tokens in zip([(40, 50), (35, 65), (0, 65), (0, 20)], paid, strict=True):
        here.now += 100
        back = await here.books.take(here.taking(asked=Amounts(1, 0, 1)))
        here.books.settle(back, Amounts(1), Read("w1-1", begin, end, again=True))
        assert here.tokens_left() == 1000 - tokens


async def test_where_it_is_not_known_what_was_paid_for_it_is_all_before_the_cursor() -> None:
    here = Here()
    back = await here.books.take(here.taking(asked=Amounts(1, 0, 1)))
    here.books.settle(back, Amounts(1), Read("w1-1", 40, 50, again=True))
    assert here.tokens_left() == 990


async def test_callers_that_do_not_come_any_more_are_forgotten_but_not_what_runs() -> None:
    here = Here()
    over = await here.books.take(here.taking("over"))
    here.books.settle(over, Amounts(1, 10), Read("w1-1", 0, 10, again=False))
    await here.books.take(here.taking("runs"))
    here.now += 2 * SWEEP_S
    await here.books.take(here.taking("new"))
    assert set(here.books._accounts) == {"runs", "new"}
    assert set(here.books._marks) == {"w1-1"}
    here.now += MARK_S
    await here.books.take(here.taking("new"))
    assert here.books._marks == {}
