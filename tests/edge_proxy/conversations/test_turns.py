import asyncio

import pytest

from edge_proxy.conversations.records import Agent, State
from edge_proxy.conversations.store import LEASE_S, Store
from edge_proxy.core.errors import Code, Refused
from tests.edge_proxy.conversations.kept import agent, asked, recount, reply, turn


class Clock:
    """The time of day, as the test says."""

    def __init__(self, store: Store) -> None:
        self.now_s = 1000.0
        store._unix_s = lambda: self.now_s


async def owl(store: Store, **fields: object) -> Agent:
    made = agent(**fields)
    await store.add_agent("alice", made)
    return made


async def states(store: Store, session_id: str) -> list[tuple[str, State, str]]:
    _, messages, _ = await store.session("alice", session_id, after=-1, limit=99)
    return [(message.role, message.state, message.text) for message in messages]


async def test_a_turn_makes_a_session_and_a_reply_that_runs(store: Store) -> None:
    of = await owl(store, greeting="Hoo!")
    made = asked(of, text="  Who\nare you? " + "x" * 99)
    begun = await store.begin(made)
    assert [message.text for message in begun.earlier] == ["Hoo!"]
    assert begun.session.title == ("Who are you? " + "x" * 99)[:60]
    assert [state for _, state, _ in await states(store, made.session_id)] == [
        State.COMPLETE,
        State.COMPLETE,
        State.RUNNING,
    ]


async def test_the_next_turn_gets_what_was_said_before(store: Store) -> None:
    of = await owl(store)
    first, _ = await turn(store, of, text="one")
    _, begun = await turn(store, of, first.session_id, text="two")
    assert [(message.role, message.text) for message in begun.earlier] == [("user", "one"), ("assistant", "Re: one")]


async def test_while_a_reply_runs_there_is_no_other_in_its_session(store: Store) -> None:
    of = await owl(store)
    first = asked(of)
    await store.begin(first)
    with pytest.raises(Refused) as caught:
        await store.begin(asked(of, first.session_id))
    assert (caught.value.failure.code, caught.value.failure.retryable) == (Code.CONFLICT, True)
    await store.keep(first.reply_id, reply())
    await store.begin(asked(of, first.session_id))


async def test_of_turns_at_the_same_moment_one_begins(store: Store) -> None:
    of = await owl(store)
    first, _ = await turn(store, of)
    results = await asyncio.gather(
        *(store.begin(asked(of, first.session_id)) for _ in range(8)), return_exceptions=True
    )
    refused = [result.failure.code for result in results if isinstance(result, Refused)]
    assert refused == [Code.CONFLICT] * 7
    assert len(await states(store, first.session_id)) == 4


async def test_a_reply_that_nobody_writes_any_more_is_interrupted_and_makes_way(store: Store) -> None:
    clock, of = Clock(store), await owl(store)
    first = asked(of)
    await store.begin(first)
    clock.now_s += LEASE_S - 1
    await store.renew([first.reply_id])
    clock.now_s += LEASE_S - 1
    assert (await states(store, first.session_id))[1][1] is State.RUNNING
    clock.now_s += 2
    assert (await states(store, first.session_id))[1][1] is State.INTERRUPTED
    await turn(store, of, first.session_id)
    assert [state for _, state, _ in await states(store, first.session_id)] == [
        State.COMPLETE,
        State.INTERRUPTED,
        State.COMPLETE,
        State.COMPLETE,
    ]
    assert await recount(store, of) == (1, 4, 5)
    assert (await store.stats("alice", of.id)).messages == 4


async def test_a_reply_is_kept_once_and_counted_once(store: Store) -> None:
    of = await owl(store)
    made = asked(of)
    await store.begin(made)
    await store.keep(made.reply_id, reply("Ho", State.INTERRUPTED, prompt_tokens=0, completion_tokens=1))
    await store.keep(made.reply_id, reply("Hoo.", generation_id="w1-7"))
    await store.keep(made.reply_id, reply("Something else.", prompt_tokens=99))
    await store.keep(made.reply_id, reply("Hoo. And more.", State.INTERRUPTED))
    assert (await states(store, made.session_id))[1] == ("assistant", State.COMPLETE, "Hoo.")
    counted = await store.stats("alice", of.id)
    assert (counted.sessions, counted.messages, counted.tokens) == await recount(store, of) == (1, 2, 5)


async def test_edges_that_keep_one_reply_at_the_same_moment_count_it_once(store: Store) -> None:
    of = await owl(store)
    made = asked(of)
    await store.begin(made)
    await asyncio.gather(*(store.keep(made.reply_id, reply()) for _ in range(8)))
    assert await recount(store, of) == (1, 2, 5)
    assert (await store.stats("alice", of.id)).tokens == 5


async def test_turns_that_begin_and_end_at_the_same_moment_do_not_wait_for_each_other(store: Store) -> None:
    of = await owl(store)
    first, _ = await turn(store, of)

    async def one() -> None:
        made = asked(of, first.session_id)
        try:
            await store.begin(made)
        except Refused as refused:
            assert refused.failure.code is Code.CONFLICT  # noqa: PT017 - any other would be a deadlock
        else:
            await store.keep(made.reply_id, reply())

    for _ in range(5):
        await asyncio.gather(*(one() for _ in range(6)))
    counted = await store.stats("alice", of.id)
    assert (counted.sessions, counted.messages, counted.tokens) == await recount(store, of)


async def test_a_turn_that_no_worker_takes_on_has_never_been(store: Store) -> None:
    of = await owl(store)
    first, _ = await turn(store, of)
    second, third = asked(of, first.session_id), asked(of)
    for made in (second, third):
        await store.begin(made)
        await store.discard(made)
        await store.discard(made)
    assert len(await states(store, first.session_id)) == 2
    counted = await store.stats("alice", of.id)
    assert (counted.sessions, counted.messages, counted.tokens) == await recount(store, of) == (1, 2, 5)


async def test_a_reply_whose_session_is_deleted_can_not_be_kept(store: Store) -> None:
    of = await owl(store)
    made = asked(of)
    await store.begin(made)
    await store.remove_session("alice", made.session_id)
    with pytest.raises(Refused) as caught:
        await store.keep(made.reply_id, reply())
    assert caught.value.failure.code is Code.NOT_STORED


async def test_who_comes_back_to_a_generation_finds_its_turn(store: Store) -> None:
    of = await owl(store, model="m")
    made = asked(of)
    await store.begin(made)
    await store.link(made.reply_id, "w1-7")
    known = await store.known("alice", of.id, "w1-7")
    assert (known.session.id, known.message_id, known.reply_id, known.model) == (
        made.session_id,
        made.message_id,
        made.reply_id,
        "m",
    )
    other = await owl(store)
    for owner, agent_id, generation_id in (
        ("bob", of.id, "w1-7"),
        ("alice", other.id, "w1-7"),
        ("alice", of.id, "x-7"),
    ):
        with pytest.raises(Refused) as caught:
            await store.known(owner, agent_id, generation_id)
        assert caught.value.failure.code is Code.NOT_FOUND


async def test_one_generation_writes_one_reply(store: Store) -> None:
    of = await owl(store)
    first, second = asked(of), asked(of)
    for made in (first, second):
        await store.begin(made)
    await store.link(first.reply_id, "w1-7")
    with pytest.raises(Refused):
        await store.link(second.reply_id, "w1-7")


async def test_anothers_agent_or_session_begins_nothing(store: Store) -> None:
    of, other = await owl(store), await owl(store)
    first, _ = await turn(store, of)
    for made in (
        asked(of, owner="bob"),
        asked(of, first.session_id, owner="bob"),
        asked(of, "never"),
        asked(other, first.session_id),
    ):
        with pytest.raises(Refused) as caught:
            await store.begin(made)
        assert caught.value.failure.code is Code.NOT_FOUND
    assert len(await states(store, first.session_id)) == 2
