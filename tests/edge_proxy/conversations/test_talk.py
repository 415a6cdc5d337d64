import asyncio
from typing import Any

import pytest

from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.records import Reply
from edge_proxy.conversations.talk import Models, Talk
from edge_proxy.core.errors import Code, Failure, Refused
from tests.edge_proxy.conversations.conftest import LIMITS
from tests.edge_proxy.conversations.kept import agent, asked, reply
from tests.edge_proxy.upstream.readers import eventually

MODELS = Models(name=lambda name: name or "tiny", context_tokens=lambda name: 0)


async def test_a_turn_has_ids_of_its_own_and_a_session_if_it_names_none(file_url: str) -> None:
    talk = Talk(Archive(file_url, LIMITS), MODELS)
    first, second = talk.asked("alice", "a", None, "x"), talk.asked("alice", "a", "s", "x")
    assert (first.new, second.new, second.session_id) == (True, False, "s")
    assert len({first.message_id, first.reply_id, first.session_id, second.message_id, second.reply_id}) == 5
    await talk.stop()


async def test_a_reply_that_could_not_be_kept_is_kept_when_it_can(
    file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(Archive(file_url, LIMITS), MODELS)
    talk.arrears._first_pause_s = 0.005
    store, of = await talk.archive.store(), agent()
    await store.add_agent("alice", of)
    made = asked(of)
    await store.begin(made)
    keep = store.keep

    async def down(*_: Any) -> None:
        raise Refused(Failure(Code.DATABASE_UNAVAILABLE))

    monkeypatch.setattr(store, "keep", down)
    with pytest.raises(Refused):
        await talk.keep(made.reply_id, reply("Hoo."))
    monkeypatch.setattr(store, "keep", keep)
    await eventually(lambda: not len(talk.arrears))
    _, messages, _ = await store.session("alice", made.session_id, after=-1, limit=9)
    assert messages[-1].text == "Hoo."
    await talk.stop()


async def test_what_nobody_waits_for_may_fail_and_is_waited_for_at_the_end(file_url: str) -> None:
    talk, done = Talk(Archive(file_url, LIMITS), MODELS), []

    async def fail() -> None:
        raise Refused(Failure(Code.CONFLICT))

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(Reply)

    talk.later(fail())
    talk.later(work())
    await talk.stop()
    assert done == [Reply]
