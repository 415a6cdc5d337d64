"""What becomes of the reply when its response does not come to its end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.edge_proxy.conversations.talking import begun, events, talking
from tests.edge_proxy.upstream.readers import eventually


async def test_a_server_that_cancels_a_response_leaves_its_reply_interrupted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = me.say(await me.agent(engine_options={"stall_at": "3"}))
        session = await begun(client)
        client.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.response()
        assert (await me.reply(session))["state"] == "interrupted"


async def test_who_leaves_before_the_answer_in_one_piece_leaves_an_interrupted_one(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(engine_options={"stall_at": "3", "tokens_per_second": "0"})
        client = me.ask("POST", f"/api/agents/{agent}/chat", {"message": "x"})
        await eventually(lambda: me.here.worker.registry.running == 1)
        for _ in range(500):
            (session,) = (await me.do("GET", f"/api/agents/{agent}/sessions"))[1]["sessions"] or [None]
            if session:
                break
        client.leave()
        await client.response()
        assert client.status is None
        assert (await me.reply(session["id"]))["state"] == "interrupted"
        await eventually(lambda: me.here.worker.registry.running == 0)


async def test_a_reply_that_takes_too_long_is_failed_with_what_came(tmp_path: Path) -> None:
    async with talking(tmp_path, gap_timeout_s=0.3) as me:
        client = await me.say(await me.agent(engine_options={"stall_at": "3"})).response()
        last = events(client)[-1]
        assert (last["type"], last["metadata"]["code"]) == ("error", "TIMEOUT")
        reply = await me.reply(last["session_id"])
        assert (reply["state"], reply["error_code"]) == ("failed", "TIMEOUT")
        assert reply["completion_tokens"] == 3


async def test_who_leaves_while_the_reply_is_kept_leaves_it_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(tmp_path) as me:
        store = await me.here.edge.conversing.talk.archive.store()
        keep, reached, go = store.keep, asyncio.Event(), asyncio.Event()

        async def slow(*arguments: Any) -> None:
            reached.set()
            await go.wait()
            await keep(*arguments)

        monkeypatch.setattr(store, "keep", slow)
        client = me.say(await me.agent())
        await reached.wait()
        session = events(client)[0]["session_id"]
        client.leave()
        go.set()
        await client.response()
        assert (await me.reply(session))["state"] == "complete"
