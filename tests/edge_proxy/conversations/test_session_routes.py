from pathlib import Path

import pytest

from tests.edge_proxy.conversations.talking import talking


async def test_a_session_is_begun_read_changed_and_deleted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(greeting="Hoo!")
        client = await me.ask("POST", f"/api/agents/{agent}/sessions", {"title": "Owls"}).response()
        path = client.headers["location"]
        _, session = await me.do("GET", path)
        assert (client.status, session["title"], session["streaming"], session["agent_id"]) == (
            201,
            "Owls",
            True,
            agent,
        )
        assert [message["text"] for message in session["messages"]] == ["Hoo!"]
        status, changed = await me.do("PATCH", path, {"streaming": False})
        assert (status, changed["streaming"], changed["title"]) == (200, False, "Owls")
        assert await me.do("DELETE", path) == (204, None)
        assert (await me.do("GET", path))[0] == 404


async def test_an_agents_sessions_are_listed_newest_first(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        for text in ("one", "two", "three"):
            await me.turn(agent, text)
        _, first = await me.do("GET", f"/api/agents/{agent}/sessions", query="limit=2")
        _, second = await me.do("GET", f"/api/agents/{agent}/sessions", query=f"before={first['next']}")
        assert [one["title"] for one in first["sessions"] + second["sessions"]] == ["three", "two", "one"]
        assert second["next"] is None


async def test_a_sessions_messages_are_read_in_pages(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        session = (await me.turn(agent, "one"))["session_id"]
        await me.turn(agent, "two", session)
        _, first = await me.do("GET", f"/api/sessions/{session}", query="limit=3")
        _, second = await me.do("GET", f"/api/sessions/{session}", query=f"after={first['next']}")
        assert [one["role"] for one in first["messages"] + second["messages"]] == ["user", "assistant"] * 2
        assert second["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=-1", "offset=1", "limit=1&limit=2"])
async def test_a_page_that_there_is_not_is_refused(query: str, tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent()
        assert (await me.do("GET", f"/api/agents/{agent}/sessions", query=query))[0] == 400
