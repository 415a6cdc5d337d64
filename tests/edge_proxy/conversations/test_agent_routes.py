from pathlib import Path
from typing import Any

import pytest

from tests.edge_proxy.conversations.talking import QUICK, talking


async def test_an_agent_is_made_read_changed_and_deleted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        client = await me.ask("POST", "/api/agents", {"name": "Owl", "sampling": {"seed": 1, "stop": "x"}}).response()
        status, made = await me.do("GET", client.headers["location"])
        assert (client.status, status) == (201, 200)
        assert made["sampling"] == {"seed": 1, "stop": ["x"]}
        path = f"/api/agents/{made['id']}"
        status, changed = await me.do("PATCH", path, {"greeting": "Hoo!"})
        assert (status, changed["greeting"], changed["name"], changed["sampling"]) == (
            200,
            "Hoo!",
            "Owl",
            made["sampling"],
        )
        assert await me.do("DELETE", path) == (204, None)
        for method in ("GET", "DELETE", "PATCH"):
            assert (await me.do(method, path, {}))[0] == 404


async def test_agents_are_listed_in_pages(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        for number in range(3):
            await me.agent(name=str(number))
        _, first = await me.do("GET", "/api/agents", query="limit=2")
        _, second = await me.do("GET", "/api/agents", query=f"limit=2&before={first['next']}")
        assert [one["name"] for one in first["agents"] + second["agents"]] == ["2", "1", "0"]
        assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "speed": 1}, "speed"),
        ({"name": "x", "sampling": {"seed": -1}}, "sampling.seed"),
        ({"name": "x", "sampling": {"stop": [""]}}, "sampling.stop"),
        ({"name": "a\0b"}, "name"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, Any], field: str, tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        status, problem = await me.do("POST", "/api/agents", body)
        assert (status, problem["field"]) == (400, field)


async def test_an_agents_statistics_are_counted(tmp_path: Path) -> None:
    async with talking(tmp_path) as me:
        agent = await me.agent(greeting="Hoo!", engine_options=QUICK)
        done = await me.turn(agent)
        status, counted = await me.do("GET", f"/api/agents/{agent}/stats")
        assert status == 200
        assert counted == {
            "agent_id": agent,
            "sessions": 1,
            "messages": 3,
            "tokens": done["metadata"]["tokens_used"],
        }


async def test_without_a_database_the_setting_is_named(tmp_path: Path) -> None:
    async with talking(tmp_path, database_url="") as me:
        status, problem = await me.do("GET", "/api/agents")
        assert (status, problem["code"]) == (501, "NOT_SUPPORTED")
        assert "EDGE_DATABASE_URL" in problem["detail"]


async def test_a_database_that_can_not_be_opened_is_503_to_come_back_to(tmp_path: Path) -> None:
    async with talking(tmp_path, database_url=f"sqlite:///{tmp_path}/nowhere/relay.db") as me:
        client = await me.ask("GET", "/api/agents").response()
        assert (client.status, client.headers["retry-after"]) == (503, "1")
        assert (await me.here.post().response()).status == 200, "streams do without"
