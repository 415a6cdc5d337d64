import pytest

from edge_proxy.conversations.records import Stats
from edge_proxy.conversations.store import Store
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.kept import agent, recount, turn


async def test_an_agent_is_there_as_it_was_made(store: Store) -> None:
    made = agent(system_prompt="Be.", greeting="Hoo!", model="m", sampling={"stop": ["x"]}, engine_options={"a": "b"})
    await store.add_agent("alice", made)
    assert await store.agent("alice", made.id) == made


async def test_pages_go_from_the_newest_to_the_oldest(store: Store) -> None:
    made = [agent(name=str(number)) for number in range(5)]
    for one in made:
        await store.add_agent("alice", one)
    first, rest = await store.agents("alice", before=0, limit=3)
    second, end = await store.agents("alice", before=rest, limit=3)
    assert [one.name for one in first + second] == ["4", "3", "2", "1", "0"]
    assert (bool(rest), end) == (True, 0)


async def test_only_what_is_named_changes(store: Store) -> None:
    made = agent(system_prompt="Be.")
    await store.add_agent("alice", made)
    changed = await store.change_agent("alice", made.id, {"name": "Eagle"})
    assert (changed.name, changed.system_prompt) == ("Eagle", "Be.")
    assert changed.updated_s > made.updated_s


async def test_anothers_agent_is_as_none(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    said = set()
    for owner, agent_id in (("bob", made.id), ("bob", "never"), ("alice", "never"), ("alice", "a\0b")):
        for work in (
            store.agent(owner, agent_id),
            store.change_agent(owner, agent_id, {"name": "x"}),
            store.remove_agent(owner, agent_id),
            store.stats(owner, agent_id),
            store.sessions(owner, agent_id, before=0, limit=1),
        ):
            with pytest.raises(Refused) as caught:
                await work
            assert caught.value.failure.code is Code.NOT_FOUND
            said.add(caught.value.failure.message)
    assert said == {"There is no such agent."}
    assert (await store.agents("bob", before=0, limit=9))[0] == []
    assert await store.agent("alice", made.id) == made


async def test_a_deleted_agent_is_gone_with_its_sessions(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    asked, _ = await turn(store, made)
    await store.remove_agent("alice", made.id)
    for work in (store.agent("alice", made.id), store.session("alice", asked.session_id, after=-1, limit=1)):
        with pytest.raises(Refused):
            await work


async def test_statistics_are_what_the_messages_come_to(store: Store) -> None:
    made = agent(greeting="Hoo!")
    await store.add_agent("alice", made)
    assert await store.stats("alice", made.id) == Stats(sessions=0, messages=0, tokens=0)
    asked, _ = await turn(store, made)
    await turn(store, made, asked.session_id)
    await turn(store, made)
    assert await store.stats("alice", made.id) == Stats(sessions=2, messages=8, tokens=15)
    assert await recount(store, made) == (2, 8, 15)
