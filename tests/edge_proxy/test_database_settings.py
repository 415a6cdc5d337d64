import pytest
from pydantic import ValidationError

from edge_proxy.settings import Settings


@pytest.mark.parametrize("url", ["", "sqlite:///relay.db", "postgresql://me@db/relay", "postgres://db/relay"])
def test_a_database_that_is_named_is_to_be_there_from_the_start(url: str) -> None:
    settings = Settings(database_url=url)
    assert (settings.database_url, settings.database_given) == (url, True)


def test_the_default_one_is_a_file_that_is_made_when_it_is_needed() -> None:
    assert Settings().database_url == "sqlite:///token-relay.db"
    assert not Settings().database_given


@pytest.mark.parametrize("url", ["mysql://me:secret@db/relay", "relay.db", "sqlite://relay.db"])
def test_what_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="it begins with none of sqlite:///, postgresql://"):
        Settings(database_url=url)


def test_its_password_is_not_shown() -> None:
    assert "secret" not in repr(Settings(database_url="postgresql://me:secret@db/relay"))
