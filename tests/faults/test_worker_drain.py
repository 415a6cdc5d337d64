"""SIGTERM to one of two workers: new streams go to the other, what runs there finishes, and nothing looks like more."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.worker_probe import WorkerProbe, asked

SIX = 6
SECOND = {"tokens": 50, "tokens_per_second": 50}
ENDLESS = {"tokens": 5_000, "tokens_per_second": 50}


@dataclass
class Site:
    """An edge and its workers, of which the first is to leave."""

    edge: str
    leaving: processes.Service
    edge_process: processes.Service
    staying_address: str


@contextlib.contextmanager
def site(**leaving: str) -> Iterator[Site]:
    with (
        processes.worker(WORKER_ID="leaving", **leaving) as (first, first_process),
        processes.worker(WORKER_ID="staying") as (second, _),
        processes.edge(first, second) as (edge, edge_process),
    ):
        for name in ("leaving", "staying"):
            edge_process.wait_for(rf"is ({name}):")
        yield Site(edge, first_process, edge_process, second)
        for service in (first_process, edge_process):
            assert "Traceback" not in service.output()


def owner(stream: Exchange) -> str:
    assert stream.status == 200
    return stream.headers["x-generation-id"].partition("-")[0]


async def begin(edge: str, options: dict[str, int]) -> Exchange:
    return await Exchange.post(edge, {"prompt": "x", "engine_options": options})


async def test_worker_sigterm_new_streams_go_elsewhere_at_once_and_its_own_finish() -> None:
    with site() as here:
        streams = [await begin(here.edge, SECOND) for _ in range(SIX)]
        assert sorted(map(owner, streams)) == ["leaving"] * 3 + ["staying"] * 3
        here.leaving.send(signal.SIGTERM)
        await asyncio.to_thread(here.leaving.wait_for, r"(SIGTERM): no new generations")
        late = [await begin(here.edge, SECOND) for _ in range(SIX)]  # at once: not one is refused
        assert set(map(owner, late)) == {"staying"}
        async with WorkerProbe(here.staying_address) as probe:
            whole = await probe.text(asked("x", tokens=50, tokens_per_second=0))
        for stream in streams + late:
            assert check_native(await stream.all_events()) == whole
        assert await asyncio.to_thread(here.leaving.process.wait, 3) == 0


async def test_worker_sigterm_what_does_not_finish_in_time_never_looks_complete() -> None:
    with site(WORKER_DRAIN_TIMEOUT_S="1") as here:
        streams = [await begin(here.edge, ENDLESS) for _ in range(SIX)]
        mine = [stream for stream in streams if owner(stream) == "leaving"]
        assert len(mine) == 3
        begin_s = time.monotonic()
        here.leaving.send(signal.SIGTERM)
        assert await asyncio.to_thread(here.leaving.process.wait, 5) == 0
        assert 0.9 < time.monotonic() - begin_s < 3.5
        async with WorkerProbe(here.staying_address) as probe:
            whole = await probe.text(asked("x", tokens=5_000, tokens_per_second=0))
        for stream in mine:  # it fails, or another worker goes on with it, from where it was
            arriving = stream.events()
            events = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    events += [event async for _, event in arriving]
            ended = bool(events) and events[-1].name == "error"
            assert whole.startswith(check_native(events, complete=ended))
            assert not any(event.name == "message" and event.json["isFinal"] for event in events)
        for stream in streams:
            stream.close()


async def test_worker_second_signal_ends_it_at_once() -> None:
    with site() as here:
        streams = [await begin(here.edge, ENDLESS) for _ in range(2)]
        here.leaving.send(signal.SIGTERM)
        await asyncio.to_thread(here.leaving.wait_for, r"(SIGTERM): no new generations")
        here.leaving.send(signal.SIGTERM)
        assert await asyncio.to_thread(here.leaving.process.wait, 2) == 0
        late = await begin(here.edge, SECOND)
        assert owner(late) == "staying"
        for stream in [*streams, late]:
            stream.close()
