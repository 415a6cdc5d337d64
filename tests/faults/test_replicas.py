"""Worker processes behind one name, as a compose cluster has them; two of them with a resolver of the test's."""

from collections.abc import Sequence

from edge_proxy.core.request import GenerationRequest
from edge_proxy.upstream.link import LinkTimers
from edge_proxy.upstream.workers import Workers
from tests.edge_proxy.upstream.readers import NotingReader, eventually
from tests.support import processes
from tests.support.http import Exchange

TIMERS = LinkTimers(connect_s=10, silence_s=10, answer_s=10)
OPTIONS = "tokens=120,tokens_per_second=40"


async def test_both_replicas_are_used_and_one_that_leaves_dns_finishes_what_it_has() -> None:
    hosts = ["127.0.0.1", "127.0.0.2"]

    async def look_up(host: str, port: int) -> Sequence[str]:
        return list(hosts)

    with processes.worker(WORKER_ID="one", WORKER_ENGINE_OPTIONS=OPTIONS) as (address, _):
        port = address.rpartition(":")[2]
        with processes.worker(
            WORKER_ID="two", WORKER_HOST="127.0.0.2", WORKER_PORT=port, WORKER_ENGINE_OPTIONS=OPTIONS
        ):
            workers = Workers([f"worker:{port}"], TIMERS, look_up=look_up, resolve_interval_s=0.05)
            workers.start()
            try:
                await eventually(lambda: workers.ready == 2)
                request = GenerationRequest(prompt="x", timeout_s=60, batch_interval_s=0.01)
                readers = [NotingReader() for _ in range(6)]
                owners = [(await workers.open(request, reader)).generation_id[:3] for reader in readers]
                assert sorted(owners) == ["one"] * 3 + ["two"] * 3
                hosts.remove("127.0.0.2")
                await eventually(lambda: workers.ready == 1)
                there = [(link.worker_id, link.streams) for link in workers._links]
                assert there == [("one", 3), ("two", 3)], "it keeps what it has"
                assert (await workers.open(request, NotingReader())).generation_id.startswith("one")
                await eventually(lambda: all(reader.endings for reader in readers))
                assert len({reader.text for reader in readers}) == 1
                assert {type(reader.endings[0]).__name__ for reader in readers} == {"Outcome"}
            finally:
                await workers.stop()


async def test_a_whole_edge_looks_a_name_up_and_finds_a_worker_that_is_started_again() -> None:
    # In small letters the edge leaves it to gRPC; in capitals it is a name, and one that every system knows.
    with processes.worker(WORKER_ID="one", WORKER_ENGINE_OPTIONS=OPTIONS) as (address, service):
        port = address.rpartition(":")[2]
        with processes.edge(f"LOCALHOST:{port}") as (edge, _):
            exchange = await Exchange.post(edge, {"prompt": "x"})
            assert b'"isFinal":true' in await exchange.body()
            service.stop()
            await eventually(lambda: not processes.is_ready(edge))
            with processes.worker(WORKER_ID="two", WORKER_PORT=port, WORKER_ENGINE_OPTIONS=OPTIONS):
                await eventually(lambda: processes.is_ready(edge))
                exchange = await Exchange.post(edge, {"prompt": "x"})
                assert exchange.headers["x-generation-id"].startswith("two")
                assert b'"isFinal":true' in await exchange.body()
