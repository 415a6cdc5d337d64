"""Links to whatever a name's addresses are, over real gRPC; the resolver is the test's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from edge_proxy.upstream.exchange import Route
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.pool import Pool
from tests.edge_proxy.upstream.readers import REQUEST, NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, serving, text_frame

TIMERS = LinkTimers(connect_s=10, silence_s=10, answer_s=10)
ONE, TWO = "127.0.0.1", "127.0.0.2"


class Resolver:
    """Says what it is told to, and counts how often it is asked."""

    def __init__(self, *hosts: str) -> None:
        self.hosts: Sequence[str] = hosts
        self.fails = False
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if self.fails:
            raise OSError("nobody knows")
        return self.hosts


@contextlib.asynccontextmanager
async def running(entry: str, resolver: Resolver, *, interval_s: float = 0.02) -> AsyncIterator[Pool]:
    pool = Pool([entry], TIMERS, look_up=resolver, interval_s=interval_s)
    pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


@contextlib.asynccontextmanager
async def replicas(*scripts: ScriptedWorker) -> AsyncIterator[tuple[int, contextlib.AsyncExitStack]]:
    """The first on 127.0.0.1 and the second on 127.0.0.2, on the same port; and what ends the second's server."""
    async with contextlib.AsyncExitStack() as stack:
        port = int((await stack.enter_async_context(serving(scripts[0]))).rpartition(":")[2])
        second = await stack.enter_async_context(contextlib.AsyncExitStack())
        await second.enter_async_context(serving(scripts[1], f"{TWO}:{port}"))
        yield port, second


def names(pool: Pool) -> set[str]:
    return {link.worker_id for link in pool.links if link.ready}


async def asked_twice_more(resolver: Resolver) -> None:
    """What the resolver says now has had its effect."""
    before = len(resolver.asked)
    await eventually(lambda: len(resolver.asked) >= before + 2)


async def test_every_address_of_a_name_gets_a_link() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        replicas(ScriptedWorker("one"), ScriptedWorker("two")) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"one", "two"})
        assert resolver.asked[0] == ("worker", port)
        assert pool.complete


async def test_a_new_address_gets_a_link_and_one_that_is_gone_loses_it() -> None:
    resolver = Resolver(ONE)
    two = ScriptedWorker("two")
    async with (
        replicas(ScriptedWorker("one"), two) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"one"})
        resolver.hosts = [ONE, TWO]
        await eventually(lambda: names(pool) == {"one", "two"})
        resolver.hosts = [ONE]
        await eventually(lambda: len(pool.links) == 1)
        await eventually(lambda: two.ended == 1)


async def test_who_is_gone_from_dns_finishes_its_streams_and_gets_nothing_new() -> None:
    resolver = Resolver(ONE, TWO)
    two, reader = ScriptedWorker("two"), NotingReader()
    async with (
        replicas(ScriptedWorker("one"), two) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"one", "two"})
        link = next(link for link in pool.links if link.worker_id == "two")
        opened = await link.open(REQUEST, Route(reader, None))
        resolver.hosts = [ONE]
        await eventually(lambda: not link.ready)
        await asked_twice_more(resolver)
        two.send(text_frame(1, "still here", 1))
        await eventually(lambda: reader.text == "still here")
        opened.source.leave()
        await eventually(lambda: link not in pool.links)


async def test_who_comes_back_to_dns_in_time_is_given_work_again() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        replicas(ScriptedWorker("one"), ScriptedWorker("two")) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"one", "two"})
        link = next(link for link in pool.links if link.worker_id == "two")
        await link.open(REQUEST, Route(NotingReader(), None))
        resolver.hosts = [ONE]
        await eventually(lambda: not link.ready)
        resolver.hosts = [ONE, TWO]
        await eventually(lambda: link.ready)


async def test_a_lookup_that_fails_changes_nothing() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        replicas(ScriptedWorker("one"), ScriptedWorker("two")) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"one", "two"})
        resolver.fails = True
        await asked_twice_more(resolver)
        resolver.fails, resolver.hosts = False, []
        await asked_twice_more(resolver)
        assert names(pool) == {"one", "two"}


async def test_a_name_that_is_not_known_yet_is_asked_for_again() -> None:
    resolver = Resolver()
    async with (
        serving(ScriptedWorker("one")) as address,
        running(f"worker:{address.rpartition(':')[2]}", resolver, interval_s=3600) as pool,
    ):
        await eventually(lambda: resolver.asked)
        assert not pool.complete
        assert pool.links == []
        resolver.hosts = [ONE]
        await eventually(lambda: names(pool) == {"one"})


async def test_a_lost_link_has_names_looked_up_soon() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        replicas(ScriptedWorker("one"), ScriptedWorker("two")) as (port, second),
        running(f"worker:{port}", resolver, interval_s=3600) as pool,
    ):
        await eventually(lambda: names(pool) == {"one", "two"})
        assert len(resolver.asked) == 1
        resolver.hosts = [ONE]
        await second.aclose()
        await eventually(lambda: len(resolver.asked) > 1 and len(pool.links) == 1)


async def test_a_worker_that_is_there_by_two_addresses_counts_once() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        replicas(ScriptedWorker("same"), ScriptedWorker("same")) as (port, second),
        running(f"worker:{port}", resolver) as pool,
    ):
        await eventually(lambda: names(pool) == {"same"} and len(pool.links) == 1)
        first = pool.links[0]
        assert first.address.startswith(ONE)
        await second.aclose()
        await eventually(lambda: len(pool.links) == 2)  # the other way is broken, and no worker any more
        assert names(pool) == {"same"}


async def test_an_address_that_never_says_hello_does_not_keep_the_pool_incomplete() -> None:
    resolver = Resolver(ONE, TWO)
    async with (
        serving(ScriptedWorker("one")) as address,
        running(f"worker:{address.rpartition(':')[2]}", resolver) as pool,
    ):
        assert not pool.complete
        await eventually(lambda: names(pool) == {"one"})
        assert len(pool.links) == 2
        assert pool.complete


async def test_links_to_come_are_stretched_as_all_are() -> None:
    resolver = Resolver(ONE)
    two = ScriptedWorker("two")
    async with (
        replicas(ScriptedWorker("one"), two) as (port, _),
        running(f"worker:{port}", resolver) as pool,
    ):
        pool.stretch(150)
        resolver.hosts = [ONE, TWO]
        await eventually(lambda: two.percents == [150])


async def test_stop_ends_the_looking_up() -> None:
    resolver = Resolver(ONE)
    async with running("worker:9", resolver):
        await eventually(lambda: resolver.asked)
    count = len(resolver.asked)
    await eventually(lambda: len(asyncio.all_tasks()) == 1)  # gRPC's own end a moment later
    assert len(resolver.asked) == count
