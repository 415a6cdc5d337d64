"""Conversations with real processes: counted, kept over a restart of everything, and shown to nobody else."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from edge_proxy.access.keys import make
from edge_proxy.core.caller import Limits
from tests.support import processes
from tests.support.conversation import call, messages, new_agent, recount, rows, say, text, turn
from tests.support.http import Exchange
from tests.support.postgres_server import Server

CHATS = int(os.environ.get("CHATS", "150"))  # 1,000 by `make chats`
PATIENT = {"EDGE_DATABASE_TIMEOUT_S": "60"}  # the machine may have a lot else to do


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/relay.db"
    server: Server = request.getfixturevalue("postgres")
    return asyncio.run(server.new_database())


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_statistics_are_a_recount_of_the_messages_after_many_chats_at_once(url: str) -> None:
    given = PATIENT | {"EDGE_DATABASE_URL": url}
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, **given) as (one, _),
        processes.edge(worker, **given) as (other, _),
    ):
        agent = await new_agent(one, greeting="Hoo!")

        async def chat(number: int) -> int:
            first = await turn((one, other)[number % 2], agent, f"Chat {number}.")
            second = await turn((one, other)[number // 2 % 2], agent, "And?", first["session_id"])
            return int(first["metadata"]["tokens_used"] + second["metadata"]["tokens_used"])

        tokens = await asyncio.gather(*(chat(number) for number in range(CHATS)))
        _, counted = await call(one, "GET", f"/api/agents/{agent}/stats")
    assert (counted["sessions"], counted["messages"], counted["tokens"]) == await recount(url)
    assert (counted["sessions"], counted["messages"], counted["tokens"]) == (CHATS, 5 * CHATS, sum(tokens))


async def test_after_a_restart_of_everything_a_conversation_goes_on_where_it_was(url: str) -> None:
    given = PATIENT | {"EDGE_DATABASE_URL": url}
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, _):
        agent = await new_agent(edge, system_prompt="Be an owl.", greeting="Hoo!")
        first = await turn(edge, agent, "Who are you?")
        session = first["session_id"]
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, _):
        before = await messages(edge, session)
        response = await say(edge, agent, "Where do you live?", session)
        events = await response.all_events()
        said = [("system", "Be an owl."), *((each["role"], each["text"]) for each in before)]
        said.append(("user", "Where do you live?"))
        asked: dict[str, Any] = {
            "messages": [{"role": role, "content": content} for role, content in said],
            "engine_options": {"tokens": 5, "tokens_per_second": 0},
        }
        expected = await (await Exchange.post(edge, asked)).all_events()
        assert text(events) == "".join(event.json["delta"] for event in expected), "the model did not see all of it"
        assert [each["text"] for each in before] == ["Hoo!", "Who are you?", first["content"]]
        assert (await messages(edge, session))[-1]["text"] == text(events)
        assert events[-1].json["metadata"]["prompt_tokens"] == len(" ".join(content for _, content in said).split())


async def test_tenants_who_talk_at_once_see_nothing_of_each_other(url: str, tmp_path: Path) -> None:
    keys = {owner: make(owner, owner=owner, expires=None, limits=Limits()) for owner in ("alice", "bob")}
    (tmp_path / "keys").write_text("\n".join(line for _, line in keys.values()))
    given = PATIENT | {"EDGE_DATABASE_URL": url, "EDGE_API_KEYS_FILE": str(tmp_path / "keys")}
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, _):
        seen: dict[str, str] = {}
        own: dict[str, set[str]] = {}

        async def live(owner: str) -> None:
            key, ids = keys[owner][0], own.setdefault(owner, set())
            body = {"name": owner, "engine_options": {"echo": "true", "tokens_per_second": "0"}}
            _, agent = await call(edge, "POST", "/api/agents", body, key=key)
            ids.add(agent["id"])
            for number in range(5):
                secret = {"message": f"{owner}-secret-{number}"}
                _, done = await call(edge, "POST", f"/api/agents/{agent['id']}/chat", secret, key=key)
                ids.add(done["session_id"])
            found = []
            for path in ("/api/agents", *(f"/api/agents/{agent['id']}{end}" for end in ("", "/stats", "/sessions"))):
                found.append(await call(edge, "GET", path, key=key))
            found += [await call(edge, "GET", f"/api/sessions/{each}", key=key) for each in ids - {agent["id"]}]
            assert {status for status, _ in found} == {200}
            seen[owner] = str(found)

        await asyncio.gather(live("alice"), live("bob"))
        for me, other in (("alice", "bob"), ("bob", "alice")):
            assert f"{me}-secret-4" in seen[me]
            assert other not in seen[me]
            assert not [each for each in own[other] if each in seen[me]]
            for each in own[other]:
                kind = "agents" if each.startswith("agent") else "sessions"
                assert (await call(edge, "GET", f"/api/{kind}/{each}", key=keys[me][0]))[0] == 404


async def test_the_bundled_model_remembers_the_turn_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relay.db"
    with (
        processes.worker(WORKER_ENGINE="llamacpp") as (worker, _),
        processes.edge(worker, **PATIENT, EDGE_DATABASE_URL=url) as (edge, _),
    ):
        sampling = {"temperature": 0, "seed": 1, "max_tokens": 60}
        agent = await new_agent(edge, sampling=sampling, engine_options={})
        first = await turn(edge, agent, "Tell me a story about an owl.")
        prompts = [first["metadata"]["prompt_tokens"]]
        for _ in range(13):
            done = await turn(edge, agent, "Go on, and tell me all about it, little owl.", first["session_id"])
            prompts.append(done["metadata"]["prompt_tokens"])
        assert prompts[1] > prompts[0] + 10, "it got what was said before"
        assert 250 < max(prompts) <= 512 - 60, "and much, but never more than it has room for"
        assert len(await messages(edge, first["session_id"])) == 28
        assert await rows(url, "SELECT count(*) FROM messages WHERE state = 'complete'") == [(28,)]
