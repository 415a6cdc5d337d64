from pathlib import Path
from typing import Any

import pytest

from tests.edge_proxy.conversations.talking import QUICK, begun, events, talking
from tests.edge_proxy.upstream.readers import eventually

KEYS = {"type", "content", "session_id", "message_id", "reply_id", "metadata", "finish_reason", "error"}
ENDLESS = {"stall_at": "3", "tokens_per_second": "0"}


async def test_a_turn_is_streamed_and_what_was_streamed_is_what_is_kept(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = await me.say(await me.agent()).response()
        *contents, done = events(client)
        assert all(set(event) == KEYS for event in events(client))
        assert done["type"] == "done"
        user, reply = await me.messages(done["session_id"])
        assert reply["text"] == "".join(event["content"] for event in contents)
        assert (reply["id"], user["id"]) == (done["reply_id"], done["message_id"])
        assert (reply["state"], reply["finish_reason"]) == ("complete", "stop")
        assert reply["prompt_tokens"] + reply["completion_tokens"] == done["metadata"]["tokens_used"]
        assert reply["generation_id"] == client.headers["x-generation-id"]


async def test_a_turn_in_one_piece_is_the_last_event_with_all_of_the_text(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        done = await me.turn(await me.agent())
        assert set(done) == KEYS
        assert done["content"] == (await me.messages(done["session_id"]))[1]["text"]


@pytest.mark.parametrize(("path", "stream", "streamed"), [("chat", True, True), ("chat/stream", False, False)])
async def test_the_body_may_say_otherwise_than_the_address(
    path: str, stream: bool, streamed: bool, tmp_path: Path
) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        client = await me.ask("POST", f"/api/agents/{agent}/{path}", {"message": "x", "stream": stream}).response()
        assert ("event-stream" in client.headers["content-type"]) is streamed


async def test_the_model_gets_system_prompt_greeting_and_earlier_turns(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(system_prompt="Be an owl.", greeting="Hoo!")
        first = await me.turn(agent, "Who are you?")
        second = await me.turn(agent, "Where?", first["session_id"])
        said = [
            {"role": "system", "content": "Be an owl."},
            {"role": "assistant", "content": "Hoo!"},
            {"role": "user", "content": "Who are you?"},
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": "Where?"},
        ]
        body: dict[str, Any] = {"model": "scripted", "messages": said}
        asked = {"messages": said, "engine_options": QUICK}
        client = await me.ask("POST", "/api/v1/ai/generate", asked).response()
        text = "".join(event["delta"] for event in events(client))
        assert second["content"] == text, body


async def test_with_streaming_turned_off_a_reply_comes_at_its_end(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        session = (await me.turn(agent))["session_id"]
        await me.do("PATCH", f"/api/sessions/{session}", {"streaming": False})
        client = await me.say(agent, session=session).response()
        content, done = events(client)
        assert (content["type"], done["type"]) == ("content", "done")
        assert content["content"] == (await me.messages(session))[-1]["text"]


async def test_a_second_turn_at_once_is_refused_in_clear_words(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(engine_options=ENDLESS)
        first = me.say(agent)
        session = await begun(first)
        status, problem = await me.do("POST", f"/api/agents/{agent}/chat", {"message": "x", "session_id": session})
        assert (status, problem["code"], problem["detail"]) == (
            409,
            "CONFLICT",
            "Another reply is being written in this session.",
        )
        first.leave()
        await first.response()
        assert len(await me.messages(session)) == 2


async def test_a_client_that_leaves_leaves_what_it_got_as_interrupted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = me.say(await me.agent(engine_options=ENDLESS))
        session = await begun(client)
        client.leave()
        await client.response()
        reply = await me.reply(session)
        assert (reply["state"], reply["error_code"]) == ("interrupted", "CANCELLED")
        assert reply["text"].startswith(events(client)[0]["content"])
        assert reply["completion_tokens"] >= 1


async def test_a_reply_that_is_stopped_is_interrupted_and_its_client_told(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = me.say(await me.agent(engine_options=ENDLESS))
        session = await begun(client)
        path = f"/api/v1/ai/generations/{client.headers['x-generation-id']}"
        assert (await me.do("DELETE", path))[0] == 204
        await client.response()
        assert (events(client)[-1]["type"], events(client)[-1]["metadata"]["code"]) == ("error", "CANCELLED")
        assert (await me.reply(session))["state"] == "interrupted"


async def test_an_edge_that_goes_away_leaves_replies_as_interrupted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = me.say(await me.agent(engine_options=ENDLESS))
        session = await begun(client)
        me.here.edge.end()
        await client.response()
        assert events(client)[-1]["metadata"]["code"] == "SERVER_DRAINING"
        reply = await me.reply(session)
        assert (reply["state"], reply["error_code"]) == ("interrupted", "SERVER_DRAINING")


async def test_a_model_that_fails_leaves_what_it_said_as_failed(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = await me.say(await me.agent(engine_options={"fail_at": "3", "tokens_per_second": "0"})).response()
        *contents, error = events(client)
        reply = await me.reply(error["session_id"])
        assert (error["type"], reply["state"], reply["error_code"]) == ("error", "failed", "GENERATION_ERROR")
        assert reply["text"] == "".join(event["content"] for event in contents)


async def test_a_turn_that_no_worker_takes_has_never_been(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        session = (await me.turn(agent))["session_id"]
        await me.do("PATCH", f"/api/agents/{agent}", {"model": "nobody has it"})
        for named in (session, None):
            client = await me.say(agent, session=named).response()
            assert client.status == 404
        await eventually(lambda: not me.here.edge.conversing.talk._loose)
        assert len(await me.messages(session)) == 2
        assert (await me.do("GET", f"/api/agents/{agent}/stats"))[1]["sessions"] == 1


async def test_a_full_edge_refuses_before_it_asks_the_database(tmp_path: Path) -> None:
    async with talking(tmp_path, max_streams=1) as me:
        agent = await me.agent(engine_options=ENDLESS)
        first = me.say(agent)
        await begun(first)
        client = await me.say("no agent at all").response()
        assert client.status == 429
        first.leave()
        await first.response()


@pytest.mark.parametrize(
    ("body", "field"), [({}, "message"), ({"message": ""}, "message"), ({"message": "x", "stream": 1}, "stream")]
)
async def test_what_is_wrong_is_named(body: dict[str, Any], field: str, tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        status, problem = await me.do("POST", "/api/agents/a/chat", body)
        assert (status, problem["field"]) == (400, field)


async def test_a_session_that_is_deleted_meanwhile_is_no_success(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = me.say(await me.agent(engine_options={"tokens": "20", "tokens_per_second": "40"}))
        session = await begun(client)
        assert (await me.do("DELETE", f"/api/sessions/{session}"))[0] == 204
        await client.response()
        last = events(client)[-1]
        assert (last["type"], last["metadata"]["code"]) == ("error", "NOT_STORED")
        assert last["error"] == "The session has been deleted: the reply could not be stored."
