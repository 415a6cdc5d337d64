from edge_proxy.conversations import spelled
from edge_proxy.conversations.records import Message, Session, State, Stats
from tests.edge_proxy.conversations.kept import agent


def test_an_agent_has_all_its_fields_and_no_owner() -> None:
    told = spelled.agent(agent(system_prompt="s", greeting="g", model="m", sampling={"seed": 1}))
    assert told | {"id": ""} == {
        "id": "",
        "name": "Owl",
        "system_prompt": "s",
        "greeting": "g",
        "model": "m",
        "sampling": {"seed": 1},
        "engine_options": {},
        "created_at": "1970-01-01T00:00:01.000Z",
        "updated_at": "1970-01-01T00:00:01.000Z",
    }


def test_a_session_says_what_is_counted_of_it() -> None:
    told = spelled.session(Session(id="s", agent_id="a", messages=3, tokens=9))
    assert (told["message_count"], told["token_count"], told["streaming"]) == (3, 9, True)


def test_what_a_message_does_not_have_is_null() -> None:
    told = spelled.message(Message(id="m", position=0, role="user", text="x"))
    assert (told["finish_reason"], told["error_code"], told["generation_id"]) == (None, None, None)
    assert told["state"] == State.COMPLETE


def test_statistics_name_their_agent() -> None:
    counted = spelled.stats("a", Stats(sessions=1, messages=2, tokens=3))
    assert counted == {"agent_id": "a", "sessions": 1, "messages": 2, "tokens": 3}


def test_instants_are_in_utc_to_the_millisecond() -> None:
    assert spelled.instant(1_790_000_000.1239) == "2026-09-21T14:13:20.123Z"
