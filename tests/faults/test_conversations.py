"""Conversations while edges, workers and databases fail."""

import asyncio
import contextlib
import itertools
import logging
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.conversation import call, come_back, kept, messages, new_agent, recount, rows, say, text, turn
from tests.support.http import Exchange
from tests.support.postgres_server import Server
from tests.support.sse import Event

KILLS = int(os.environ.get("KILLS", "4"))  # 200 by `make kills`
TOKENS = 12
PACED = {"tokens": str(TOKENS), "tokens_per_second": "60"}
SLOW = {"tokens": "40", "tokens_per_second": "20"}
STALLED = {"stall_at": "3", "tokens_per_second": "0"}
HURRIED = {"EDGE_DATABASE_TIMEOUT_S": "2"}  # where it is
PATIENT = {"EDGE_DATABASE_TIMEOUT_S": "10"}  # where it is not time that is tested


class Listener:
    """Reads a turn, event by event."""

    def __init__(self, response: Exchange) -> None:
        assert response.status == 200
        self._response = response
        self._coming = response.events()
        self.events: list[Event] = []

    async def hear(self, number: int = 1) -> list[Event]:
        """So many more; all so far."""
        for _ in range(number):
            self.events.append((await anext(self._coming))[1])
        return self.events

    async def hear_all(self) -> list[Event]:
        """All there are; the connection is closed."""
        self.events += [event async for _, event in self._coming]
        self._response.close()
        return self.events

    def leave(self) -> None:
        """Close the connection."""
        self._response.close()


async def last_reply(edge: str, session: str, state: str) -> dict[str, Any]:
    """The last message of a session, once it is in that state."""
    for _ in range(600):
        last = (await messages(edge, session))[-1]
        if last["state"] == state:
            return last
        await asyncio.sleep(0.05)
    raise AssertionError(f"it is {last['state']}, not {state}")


# ---- killed edges ------------------------------------------------------------------------------------------------


class Talker:
    """Has one conversation after another, and notes which turns were acknowledged, until its edge is gone."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.done: dict[str, str] = {}  # the text of each reply that was said to be done
        self.begun = 0
        self._session: str | None = None

    async def talk(self, edge: str) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.begun += 1
                response = await say(edge, self.agent, f"Turn {self.begun}.", self._session)
                if response.status == 409:  # of an edge that was killed a reply seems to run, for a while
                    self._session = None
                    continue
                assert response.status == 200, await response.body()
                events = await response.all_events()
                last = events[-1].json if events else {}
                if last.get("type") != "done":
                    self._session = None
                    return
                self.done[last["reply_id"]] = text(events)
                self._session = last["session_id"] if self.begun % 4 else None


async def check_kept(url: str, done: dict[str, str]) -> None:
    """Every acknowledged reply is there with all its text; no turn is half; the counts are right."""
    found = {row.id: row for row in await kept(url)}
    assert [reply for reply in done if reply not in found] == [], "acknowledged and lost"
    for reply, said in done.items():
        assert (found[reply].state, found[reply].text) == ("complete", said)
    places: dict[str, list[Any]] = {}
    for row in found.values():
        places.setdefault(row.session_id, []).append(row)
    for session in places.values():
        assert [row.position for row in session] == list(range(len(session)))
        assert [row.role for row in session] == ["user", "assistant"] * (len(session) // 2), "half a turn"
    for row in found.values():
        if row.role == "assistant" and row.state == "complete":
            assert row.text.count(" ") == TOKENS, "complete, and not all of it"
        elif row.role == "assistant":
            assert row.text == "", "nobody was left to keep it"


async def check_counted(edge: str, agent: str, url: str) -> None:
    _, counted = await call(edge, "GET", f"/api/agents/{agent}/stats")
    assert (counted["sessions"], counted["messages"], counted["tokens"]) == await recount(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/relay.db"
    server: Server = request.getfixturevalue("postgres")
    return asyncio.run(server.new_database())


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_edges_killed_at_random_lose_no_acknowledged_turn_and_leave_none_half(url: str) -> None:
    seed = random.randrange(1_000_000)
    chance, agent = random.Random(seed), ""
    done: dict[str, str] = {}
    given = PATIENT | {"EDGE_DATABASE_URL": url}
    with processes.worker() as (worker, _):
        for _ in range(KILLS):
            with processes.edge(worker, **given) as (edge, service):
                agent = agent or await new_agent(edge, engine_options=PACED)
                talkers = [Talker(agent) for _ in range(6)]
                tasks = [asyncio.create_task(talker.talk(edge)) for talker in talkers]
                await asyncio.sleep(chance.uniform(0.0, 1.2))
                service.send(signal.SIGKILL)
                service.process.wait()
                await asyncio.gather(*tasks)
                for talker in talkers:
                    done |= talker.done
            await check_kept(url, done)
            if url.startswith("sqlite"):
                assert await rows(url, "PRAGMA integrity_check") == [("ok",)]
        with processes.edge(worker, **given) as (edge, _):
            await check_counted(edge, agent, url)
            await turn(edge, agent, "Still there?")
    assert done, f"nothing was ever acknowledged (seed {seed})"
    logging.getLogger(__name__).info("%d kills, %d turns acknowledged", KILLS, len(done))


async def test_an_edge_killed_in_the_midst_leaves_a_turn_that_goes_on_at_the_other_and_is_kept_there(url: str) -> None:
    given = PATIENT | {"EDGE_DATABASE_URL": url}
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, **given) as (one, service),
        processes.edge(worker, **given) as (other, _),
    ):
        agent = await new_agent(one, engine_options=SLOW)
        client = Listener(await say(one, agent, "Go.", resumable=True))
        events = await client.hear(5)
        session = events[0].json["session_id"]
        service.send(signal.SIGKILL)
        service.process.wait()
        assert (await messages(other, session))[-1]["state"] == "running"
        client.leave()
        for _ in range(2):  # a second time, when all is kept
            rest = await (await come_back(other, agent, events[-1].id)).all_events()
            assert rest[-1].json["type"] == "done"
            assert [each["text"] for each in await messages(other, session)] == ["Go.", text(events + rest)]
        await check_counted(other, agent, url)
        assert await turn(other, agent, "And now?", session)


@pytest.mark.long
async def test_a_turn_that_nobody_comes_back_for_is_interrupted_and_makes_way(url: str) -> None:
    given = PATIENT | {"EDGE_DATABASE_URL": url}
    with processes.worker() as (worker, _):
        with processes.edge(worker, **given) as (edge, service):
            agent = await new_agent(edge, engine_options=STALLED)
            client = Listener(await say(edge, agent, "Go."))
            session = (await client.hear())[0].json["session_id"]
            service.send(signal.SIGKILL)
            service.process.wait()
            client.leave()
        with processes.edge(worker, **given) as (edge, _):
            body = {"message": "Go on.", "session_id": session}
            assert (await call(edge, "POST", f"/api/agents/{agent}/chat", body))[0] == 409
            reply = await last_reply(edge, session, "interrupted")
            assert reply["text"] == "", "what nobody kept is not made up"
            await call(edge, "PATCH", f"/api/agents/{agent}", {"engine_options": {"tokens": 3}})
            await turn(edge, agent, "Go on.", session)
            await check_counted(edge, agent, url)


# ---- lost workers, and edges that go away in order ---------------------------------------------------------------


async def test_a_worker_that_is_lost_leaves_what_it_said_as_interrupted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relay.db"
    with (
        processes.worker() as (worker, service),
        processes.edge(worker, **PATIENT, EDGE_DATABASE_URL=url) as (edge, _),
    ):
        agent = await new_agent(edge, engine_options=STALLED)
        client = Listener(await say(edge, agent, "Go."))
        await client.hear()
        service.send(signal.SIGKILL)
        said = await client.hear_all()
        assert (said[-1].json["type"], said[-1].json["metadata"]["code"]) == ("error", "WORKER_LOST")
        reply = (await messages(edge, said[0].json["session_id"]))[-1]
        assert (reply["state"], reply["text"]) == ("interrupted", text(said))


async def test_an_edge_that_is_stopped_keeps_what_its_replies_had_come_to(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relay.db"
    given = PATIENT | {"EDGE_DATABASE_URL": url, "EDGE_DRAIN_TIMEOUT_S": "0"}
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, service):
        agent = await new_agent(edge, engine_options=STALLED)
        client = Listener(await say(edge, agent, "Go."))
        await client.hear()
        service.send(signal.SIGTERM)
        said = await client.hear_all()
        assert said[-1].json["metadata"]["code"] == "SERVER_DRAINING"
        assert service.process.wait(10) == 0
    (_, reply) = await kept(url)
    assert (reply.state, reply.text) == ("interrupted", text(said))


# ---- databases in trouble ----------------------------------------------------------------------------------------


async def test_tokens_do_not_wait_for_a_server_that_answers_nothing_and_there_is_no_false_success(
    postgres: Server,
) -> None:
    url = await postgres.new_database()
    with processes.worker() as (worker, _), processes.edge(worker, **HURRIED, EDGE_DATABASE_URL=url) as (edge, _):
        agent = await new_agent(edge, engine_options=SLOW)
        loop = asyncio.get_running_loop()
        response = await say(edge, agent, "Go.")
        stream = response.events()
        instants: list[float] = []
        said: list[Event] = []
        try:
            async for instant, event in stream:
                if not said:
                    postgres.freeze()
                if event.json["type"] == "content":
                    instants.append(instant)
                said.append(event)
                if len(said) == 10:
                    began = loop.time()
                    refused = await say(edge, agent, "Me, too?")
                    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
                    assert (await refused.json())["code"] == "DATABASE_UNAVAILABLE"
                    assert loop.time() - began < 4, "it was to be told within two seconds"
        finally:
            postgres.thaw()
            response.close()
        assert max(after - before for before, after in itertools.pairwise(instants)) < 3
        assert said[-1].json["type"] == "error"
        assert said[-1].json["error"] == "The reply could not be stored."
        assert said[-1].json["metadata"] == {"code": "NOT_STORED", "retryable": True}
        assert "done" not in {event.json["type"] for event in said}
        reply = await last_reply(edge, said[0].json["session_id"], "complete")
        assert reply["text"] == text(said), "kept when the database was back"


async def test_a_server_that_was_started_again_is_used_again(postgres: Server) -> None:
    url = await postgres.new_database()
    with processes.worker() as (worker, _), processes.edge(worker, **PATIENT, EDGE_DATABASE_URL=url) as (edge, _):
        agent = await new_agent(edge)
        session = (await turn(edge, agent, "One."))["session_id"]
        postgres.stop()
        try:
            body = {"message": "Two.", "session_id": session}
            assert (await call(edge, "POST", f"/api/agents/{agent}/chat", body))[0] == 503
            status, found = await call(edge, "GET", f"/api/sessions/{session}")
            assert (status, found["code"]) == (503, "DATABASE_UNAVAILABLE"), "no history is made up"
            plain = await Exchange.post(edge, {"prompt": "x", "max_tokens": 2})
            assert (plain.status, len(await plain.all_events()) > 0) == (200, True)
            ready = {"status": "ready", "workers": 1, "conversations": "unavailable"}
            assert await call(edge, "GET", "/readyz") == (200, ready), "streams need no database"
        finally:
            postgres.start()
        await turn(edge, agent, "Two.", session)
        assert [each["text"] for each in await messages(edge, session)][0::2] == ["One.", "Two."]
        assert await call(edge, "GET", "/readyz") == (200, {"status": "ready", "workers": 1})


async def test_an_edge_starts_before_its_database_server_does(postgres: Server) -> None:
    url = await postgres.new_database()
    postgres.stop()
    try:
        with processes.worker() as (worker, _), processes.edge(worker, **PATIENT, EDGE_DATABASE_URL=url) as (edge, _):
            assert (await call(edge, "GET", "/api/agents"))[0] == 503
            postgres.start()
            await turn(edge, await new_agent(edge), "Hello?")
    finally:
        if not postgres.running:
            postgres.start()


async def test_a_locked_file_refuses_new_turns_in_time_and_says_that_a_reply_is_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    given = HURRIED | {"EDGE_DATABASE_URL": f"sqlite:///{path}"}
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, _):
        agent = await new_agent(edge, engine_options=PACED)
        client = Listener(await say(edge, agent, "Go."))
        (first,) = await client.hear()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        loop = asyncio.get_running_loop()
        began = loop.time()
        refused = await say(edge, agent, "Me, too?")
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        refused.close()
        assert loop.time() - began < 4
        assert (await call(edge, "GET", f"/api/agents/{agent}"))[0] == 200, "who reads does not wait"
        said = await client.hear_all()
        assert said[-1].json["metadata"]["code"] == "NOT_STORED"
        other.execute("ROLLBACK")
        other.close()
        reply = await last_reply(edge, first.json["session_id"], "complete")
        assert reply["text"].count(" ") == TOKENS
        await turn(edge, agent, "Now?", first.json["session_id"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("to mount a small file system takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_loses_nothing_that_was_acknowledged_and_is_over_when_there_is_room(
    small_disk: Path,
) -> None:
    url = f"sqlite:///{small_disk}/relay.db"
    with processes.worker() as (worker, _), processes.edge(worker, **PATIENT, EDGE_DATABASE_URL=url) as (edge, _):
        agent = await new_agent(edge, engine_options={"tokens": TOKENS, "tokens_per_second": 0})
        session = (await turn(edge, agent, "One."))["session_id"]
        fill = small_disk / "fill"
        with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 1024)
        done: dict[str, str] = {}
        codes = set()
        for _ in range(60):
            response = await say(edge, agent, "x" * 2000)
            if response.status != 200:
                codes.add((await response.json())["code"])
                continue
            events = await response.all_events()
            last = events[-1].json
            if last["type"] == "done":
                done[last["reply_id"]] = text(events)
            else:
                codes.add(last["metadata"]["code"])
        assert codes <= {"DATABASE_UNAVAILABLE", "NOT_STORED"}
        assert codes, "it was never full"
        assert (await call(edge, "GET", f"/api/sessions/{session}"))[0] == 200
        fill.unlink()
        await turn(edge, agent, "Two.", session)
    assert await rows(url, "PRAGMA integrity_check") == [("ok",)]
    found = {row.id: row.text for row in await kept(url) if row.state == "complete"}
    assert {reply: found.get(reply) for reply in done} == done


@pytest.mark.parametrize(
    ("content", "said"), [(b"nonsense" * 999, "file is not a database"), (None, "unable to open database file")]
)
def test_an_edge_refuses_to_start_with_a_file_that_is_no_database(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / ("relay.db" if content else "nowhere/relay.db")
    if content:
        path.write_bytes(content)
    service = processes.Service("-m", "edge_proxy", "serve", EDGE_PORT="0", EDGE_DATABASE_URL=f"sqlite:///{path}")
    try:
        assert service.process.wait(30) == 1
        assert f"edge_proxy: EDGE_DATABASE_URL: DatabaseError: {said}" in service.output() or (
            f"edge_proxy: EDGE_DATABASE_URL: OperationalError: {said}" in service.output()
        )
        assert "Traceback" not in service.output()
    finally:
        service.stop()
