import random
from collections import Counter
from collections.abc import Sequence

from edge_proxy.core.breaker import LIMIT, State
from edge_proxy.upstream.choice import TRIAL_EVERY, Choice
from edge_proxy.upstream.link import LinkTimers, WorkerLink
from tests.support.virtual_time import in_virtual_time, until

TIMERS = LinkTimers(connect_s=1, silence_s=1, answer_s=1)
FULL = 1.2  # beyond it a worker is known to be full, here


class Bench:
    """Links that never connect, of which the test says how full they are."""

    def __init__(self, *fullness: float) -> None:
        self.links = [WorkerLink(f"127.0.0.1:{port}", TIMERS) for port in range(1, len(fullness) + 1)]
        for number, link in enumerate(self.links):
            link.worker_id = f"w{number}"
        self.full = dict(zip(self.links, fullness, strict=True))
        self.offered: list[set[int]] = []
        self._random = random.Random(7)
        self.choice = Choice(lambda link: self.full[link] > FULL, self.full.__getitem__, self._sample)

    def pick(self, session: str = "") -> WorkerLink:
        link = self.choice.pick(self.links, session)
        assert link
        return link

    def picked(self, count: int) -> list[int]:
        return [self.links.index(self.pick()) for _ in range(count)]

    def set_aside(self, *numbers: int) -> None:
        for number in numbers:
            for _ in range(int(LIMIT)):
                self.links[number].standing.failed("it is bad")

    def _sample(self, links: Sequence[WorkerLink], count: int) -> Sequence[WorkerLink]:
        taken = self._random.sample(links, count)
        self.offered.append({self.links.index(link) for link in taken})
        return taken


@in_virtual_time
async def test_of_two_the_emptier_is_taken_always() -> None:
    bench = Bench(0.2, 0.1)
    assert bench.picked(20) == [1] * 20


@in_virtual_time
async def test_of_two_that_are_as_empty_each_gets_some() -> None:
    assert set(Bench(0.0, 0.0).picked(40)) == {0, 1}


@in_virtual_time
async def test_of_many_the_emptier_of_two_by_chance_is_taken() -> None:
    bench = Bench(0.1, 0.2, 0.3, 0.4)
    assert bench.picked(200) == [min(pair) for pair in bench.offered]
    assert {len(pair) for pair in bench.offered} == {2}
    assert set(bench.picked(200)) == {0, 1, 2}


@in_virtual_time
async def test_streams_stay_spread_over_many() -> None:
    bench = Bench(*[0.0] * 8)
    for _ in range(800):
        link = bench.pick()
        bench.full[link] += 0.001
    assert max(bench.full.values()) - min(bench.full.values()) < 0.010


@in_virtual_time
async def test_one_that_is_full_or_may_be_is_not_among_the_two() -> None:
    bench = Bench(1.0, 1.0, 0.5, 1.5)
    assert bench.picked(20) == [2] * 20


@in_virtual_time
async def test_one_that_may_be_full_is_asked_where_none_is_known_to_have_room() -> None:
    assert Bench(1.0, 1.5).picked(20) == [0] * 20


@in_virtual_time
async def test_where_all_are_full_there_is_none() -> None:
    bench = Bench(1.5, 1.5)
    assert bench.choice.pick(bench.links) is None
    bench.set_aside(0, 1)
    await until(1)
    assert bench.choice.pick(bench.links) is None


@in_virtual_time
async def test_one_that_is_set_aside_gets_no_more_than_trials_when_the_others_are_full() -> None:
    bench = Bench(0.0, 1.5)
    bench.set_aside(0)
    assert bench.choice.pick(bench.links) is None
    await until(1)
    assert bench.picked(1) == [0]
    bench.links[0].standing.breaker.tried()
    assert bench.choice.pick(bench.links) is None


@in_virtual_time
async def test_one_that_is_due_and_full_is_not_tried() -> None:
    bench = Bench(1.5, 0.5)
    bench.set_aside(0)
    await until(1)
    assert bench.picked(20) == [1] * 20


@in_virtual_time
async def test_one_that_is_set_aside_gets_nothing_until_its_pause_is_over() -> None:
    bench = Bench(0.0, 0.9)
    bench.set_aside(0)
    assert bench.picked(50) == [1] * 50


@in_virtual_time
async def test_one_that_is_due_gets_one_stream_and_the_next_not_at_once() -> None:
    bench = Bench(0.9, 0.0)
    bench.set_aside(0)
    await until(1)
    assert bench.picked(1) == [0]
    breaker = bench.links[0].standing.breaker
    breaker.tried()
    assert bench.picked(20) == [1] * 20
    breaker.untold(1)
    assert bench.picked(1) == [0]
    breaker.tried()
    breaker.untold(1)
    assert bench.picked(2 * TRIAL_EVERY) == ([1] * (TRIAL_EVERY - 1) + [0]) * 2


@in_virtual_time
async def test_where_all_are_set_aside_the_one_whose_time_is_soonest_over_is_taken() -> None:
    bench = Bench(0.0, 0.0, 0.0)
    for number, instant in ((2, 0.0), (0, 0.2), (1, 0.4)):
        await until(instant)
        bench.links[number].standing = type(bench.links[number].standing)("h:1", lambda: 1.0)
        bench.set_aside(number)
    taken = []
    for _ in range(3):
        link = bench.pick()
        link.standing.breaker.tried()
        taken.append(bench.links.index(link))
    assert taken == [2, 0, 1]
    assert {link.standing.breaker.state for link in bench.links} == {State.PROBING}
    bench.full[bench.links[0]] = 0.1
    assert Counter(bench.picked(5)) == {1: 5}


@in_virtual_time
async def test_requests_of_a_session_go_to_one_worker_while_it_has_room() -> None:
    bench = Bench(0.9, 0.9, 0.9, 0.9)
    homes = {session: bench.links.index(bench.pick(session)) for session in "abcdefgh"}
    assert len(set(homes.values())) > 1
    bench.full.update(dict.fromkeys(bench.links, 0.0) | {bench.links[homes["a"]]: 0.9})
    assert {bench.links.index(bench.pick("a")) for _ in range(20)} == {homes["a"]}
    bench.full[bench.links[homes["a"]]] = 1.0
    assert homes["a"] not in {bench.links.index(bench.pick("a")) for _ in range(20)}


@in_virtual_time
async def test_a_session_does_not_go_to_a_worker_that_is_set_aside() -> None:
    bench = Bench(0.0, 0.0)
    home = bench.links.index(bench.pick("a"))
    bench.set_aside(home)
    assert {bench.links.index(bench.pick("a")) for _ in range(20)} == {1 - home}
