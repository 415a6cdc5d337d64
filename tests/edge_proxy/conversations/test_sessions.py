import pytest

from edge_proxy.conversations.records import Session, State
from edge_proxy.conversations.store import Store
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.kept import agent, turn


async def test_a_session_begins_with_the_agents_greeting(store: Store) -> None:
    made = agent(greeting="Hoo!")
    await store.add_agent("alice", made)
    await store.add_session("alice", Session(id="s1", agent_id=made.id))
    session, (greeting,), more = await store.session("alice", "s1", after=-1, limit=9)
    assert (greeting.role, greeting.text, greeting.position, greeting.state) == (
        "assistant",
        "Hoo!",
        0,
        State.COMPLETE,
    )
    assert (session.messages, session.tokens, more) == (1, 0, False)


async def test_messages_come_in_pages_in_the_order_they_were_said(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    asked, _ = await turn(store, made, text="one")
    await turn(store, made, asked.session_id, text="two")
    _, first, more = await store.session("alice", asked.session_id, after=-1, limit=3)
    _, second, end = await store.session("alice", asked.session_id, after=first[-1].position, limit=3)
    assert [message.text for message in first + second] == ["one", "Re: one", "two", "Re: two"]
    assert (more, end) == (True, False)


async def test_an_agents_sessions_come_newest_first_in_pages(store: Store) -> None:
    made, other = agent(), agent()
    await store.add_agent("alice", made)
    await store.add_agent("alice", other)
    for text in ("a", "b", "c"):
        await turn(store, made, text=text)
    await turn(store, other, text="elsewhere")
    first, rest = await store.sessions("alice", made.id, before=0, limit=2)
    second, end = await store.sessions("alice", made.id, before=rest, limit=2)
    assert [session.title for session in first + second] == ["c", "b", "a"]
    assert end == 0


async def test_streaming_and_title_can_be_changed(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    asked, _ = await turn(store, made)
    assert (await store.change_session("alice", asked.session_id, {"streaming": False})).streaming is False
    changed = await store.change_session("alice", asked.session_id, {"title": "Owls"})
    assert (changed.title, changed.streaming) == ("Owls", False)
    assert await store.change_session("alice", asked.session_id, {}) == changed


async def test_anothers_session_is_as_none(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    asked, _ = await turn(store, made)
    said = set()
    for session_id in (asked.session_id, "never", "a\0b"):
        for work in (
            store.session("bob", session_id, after=-1, limit=1),
            store.change_session("bob", session_id, {"title": "mine"}),
            store.remove_session("bob", session_id),
        ):
            with pytest.raises(Refused) as caught:
                await work
            assert caught.value.failure.code is Code.NOT_FOUND
            said.add(caught.value.failure.message)
    assert said == {"There is no such session."}
    session, messages, _ = await store.session("alice", asked.session_id, after=-1, limit=9)
    assert (session.title, len(messages)) == ("Hello?", 2)


async def test_nobody_begins_a_session_with_anothers_agent(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    with pytest.raises(Refused):
        await store.add_session("bob", Session(id="s1", agent_id=made.id))


async def test_a_deleted_session_is_gone_and_counts_no_more(store: Store) -> None:
    made = agent()
    await store.add_agent("alice", made)
    asked, _ = await turn(store, made)
    await store.remove_session("alice", asked.session_id)
    with pytest.raises(Refused):
        await store.remove_session("alice", asked.session_id)
    assert (await store.stats("alice", made.id)).messages == 0
