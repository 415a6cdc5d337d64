"""Turns whose clients come back, and what a turn asks a worker for."""

from pathlib import Path
from typing import Any

import pytest

from edge_proxy.conversations.store import LEASE_S, open_store
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.conversations.conftest import LIMITS
from tests.edge_proxy.conversations.talking import Talking, begun, events, talking
from tests.edge_proxy.upstream.readers import eventually

SLOW: dict[str, Any] = {"tokens": "40", "tokens_per_second": "200"}


def ids(client: Client) -> list[str]:
    return [message.last_event_id for message in client.stream.messages]


async def cut(me: Talking, agent: str, *, after: int = 1) -> Client:
    """A resumable turn whose client has left after so many events."""
    client = me.say(agent, resumable=True)
    await eventually(lambda: len(client.stream.messages) >= after)
    client.leave()
    await client.response()
    return client


def come_back(me: Talking, agent: str, last_event_id: str) -> Client:
    return me.ask("POST", f"/api/agents/{agent}/chat/stream", **{"last-event-id": last_event_id})


async def test_a_turn_goes_on_where_its_client_left_and_is_kept_whole_and_once(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(engine_options=SLOW)
        first = await cut(me, agent)
        session = events(first)[0]["session_id"]
        assert (await me.reply(session))["state"] == "interrupted"
        second = await come_back(me, agent, ids(first)[-1]).response()
        said = [event for event in events(first) + events(second) if event["type"] == "content"]
        reply = await me.reply(session)
        assert events(second)[-1]["type"] == "done"
        assert (reply["state"], reply["text"]) == ("complete", "".join(event["content"] for event in said))
        assert len({(event["session_id"], event["message_id"]) for event in events(first) + events(second)}) == 1
        assert events(second)[-1]["reply_id"] == reply["id"]
        counted = (await me.do("GET", f"/api/agents/{agent}/stats"))[1]
        assert (counted["messages"], counted["tokens"]) == (2, events(second)[-1]["metadata"]["tokens_used"])


async def test_two_clients_of_one_turn_get_all_of_it_and_it_is_kept_once(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(engine_options=SLOW)
        first = me.say(agent, resumable=True)
        session = await begun(first)
        second = come_back(me, agent, f"{first.headers['x-generation-id']}.0")
        await first.response()
        await second.response()
        texts = {"".join(event["content"] or "" for event in events(client)) for client in (first, second)}
        assert texts == {(await me.reply(session))["text"]}
        assert len(await me.messages(session)) == 2


async def test_who_comes_back_when_all_is_kept_gets_the_rest(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(engine_options=SLOW)
        first = await me.say(agent, resumable=True).response()
        second = await come_back(me, agent, ids(first)[0]).response()
        assert ids(first)[1:][-1] == ids(second)[-1]
        assert events(second)[-1] == events(first)[-1]
        end = await come_back(me, agent, ids(first)[-1]).response()
        assert end.status == 204


async def test_a_generation_that_is_no_turn_of_the_agent_is_not_found(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent, other = await me.agent(engine_options=SLOW), await me.agent()
        native = await me.here.post(resumable=True).response()
        mine = await me.say(agent, resumable=True).response()
        for cursor in (ids(native)[0], ids(mine)[0], "w1-7.3"):
            assert (await come_back(me, other, cursor).response()).status == 404
        assert (await come_back(me, agent, "nonsense").response()).status == 400


async def test_a_reply_that_runs_for_long_is_not_taken_for_given_up(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        me.here.edge.conversing.talk.leases._period_s = 0.01
        client = me.say(await me.agent(engine_options={"stall_at": "3"}))
        session = await begun(client)
        store = await me.here.edge.conversing.talk.archive.store()
        clock = store._unix_s
        store._unix_s = lambda: clock() + LEASE_S - 1
        eventually_renewed = await open_store(f"sqlite:///{tmp_path}/relay.db", LIMITS)
        eventually_renewed._unix_s = lambda: clock() + 2 * LEASE_S - 3

        async def state() -> str:
            _, messages, _ = await eventually_renewed.session("", session, after=-1, limit=9)
            return str(messages[-1].state)

        for _ in range(500):
            if await state() == "running":
                break
        assert await state() == "running"
        await eventually_renewed.close()
        client.leave()
        await client.response()


@pytest.mark.parametrize("context", [0, 60])
async def test_a_turn_asks_for_what_its_agent_says_and_what_fits(context: int, tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        talk = me.here.edge.conversing.talk
        object.__setattr__(talk.models, "context_tokens", lambda model: context)
        sampling = {"max_tokens": 2, "temperature": 0.5, "top_p": 0.5, "seed": 7, "stop": ["never"]}
        agent = await me.agent(sampling=sampling, system_prompt="Be.")
        session = None
        prompts = []
        for _ in range(4):
            done = await me.turn(agent, "one two three", session)
            session = done["session_id"]
            prompts.append(done["metadata"]["prompt_tokens"])
            assert (done["finish_reason"], done["metadata"]["completion_tokens"]) == ("length", 2)
        growing = prompts == sorted(set(prompts))
        assert growing is (context == 0), prompts
