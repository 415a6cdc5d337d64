from edge_proxy.conversations import spelled
from edge_proxy.conversations.documented import (
    AGENT,
    MESSAGE,
    NOTHING,
    SESSION,
    STATS,
    TURN,
    documented,
    documented_turn,
)
from edge_proxy.conversations.records import Message, Session, Stats
from edge_proxy.dialects.agent_chat import Turn
from edge_proxy.dialects.agent_request import ChatBody, PageQuery, SessionBody
from tests.edge_proxy.conversations.kept import agent


def test_the_shapes_have_the_members_that_are_told() -> None:
    assert list(AGENT) == list(spelled.agent(agent()))
    assert list(SESSION) == list(spelled.session(Session(id="s", agent_id="a")))
    assert list(MESSAGE) == list(spelled.message(Message(id="m", position=0, role="user", text="x")))
    schema = STATS["content"]["application/json"]["schema"]
    assert schema["required"] == list(spelled.stats("a", Stats(sessions=0, messages=0, tokens=0)))
    turn = Turn(session_id="s", message_id="m", reply_id="r", model="tiny")
    assert TURN["required"] == list(turn.data("done"))


def test_a_route_says_what_it_takes_and_how_it_may_be_refused() -> None:
    said = documented({204: NOTHING}, SessionBody, query=PageQuery)
    assert said["openapi_extra"]["requestBody"]["content"]["application/json"]["schema"]["title"] == "SessionBody"
    assert [parameter["name"] for parameter in said["openapi_extra"]["parameters"]] == ["limit", "before"]
    assert {204, 404, 409, 413, 503} <= set(said["responses"])
    assert documented({})["openapi_extra"] == {}
    assert 413 not in documented({})["responses"]


def test_a_turn_may_end_in_many_ways() -> None:
    assert {200, 204, 404, 409, 410, 413, 429, 503} <= set(documented_turn(ChatBody)["responses"])
