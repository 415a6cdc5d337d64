"""Those of the edge's settings that are about the database of conversations."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

STARTS = ("sqlite:///", "postgresql://", "postgres://")


class DatabaseSettings(BaseSettings):
    """A part of `Settings`."""

    database_url: str = Field(
        "sqlite:///token-relay.db",
        repr=False,
        description="Where conversations are kept: sqlite:///path, or postgresql://user@host/name. The default file is "
        "made in the working directory when the first conversation is. Empty: no conversations.",
    )
    database_timeout_s: float = Field(
        1,
        gt=0,
        le=60,
        description="What a response needs of the database before it begins must be there within so long.",
    )

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        if value and not value.startswith(STARTS):
            raise ValueError("it begins with none of sqlite:///, postgresql://")
        return value

    @property
    def database_given(self) -> bool:
        """Somebody has said where: it is to be there from the start."""
        return "database_url" in self.model_fields_set
