"""The tables, as the newest migration leaves them. A test holds the two against each other."""

import re

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

ID_CHARS = 64
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # no other is given out
OWNER_CHARS = 512  # a token's `sub` may be long

metadata = MetaData()

# `number` is the order in which rows were made, which pages of lists go by.
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what it calls INTEGER

agents = Table(
    "agents",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(ID_CHARS), nullable=False, unique=True),
    Column("owner", String(OWNER_CHARS), nullable=False),
    Column("name", Text, nullable=False),
    Column("system_prompt", Text, nullable=False),
    Column("greeting", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("engine_options", JSON, nullable=False),
    Column("created_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),
    Index("agents_of_an_owner", "owner", "number"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(ID_CHARS), nullable=False, unique=True),
    Column("agent_id", String(ID_CHARS), ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("streaming", Boolean, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("created_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),
    Index("sessions_of_an_agent", "agent_id", "number"),
)

messages = Table(
    "messages",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(ID_CHARS), nullable=False, unique=True),
    Column("session_id", String(ID_CHARS), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("until_s", Float, nullable=False),  # while it runs: somebody has said until when that is sure
    Column("finish_reason", String(32), nullable=False),
    Column("error_code", String(32), nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("generation_id", String(128), nullable=True, unique=True),
    Column("created_s", Float, nullable=False),
    UniqueConstraint("session_id", "position", name="one_message_of_a_position"),
    CheckConstraint("state IN ('running', 'complete', 'interrupted', 'failed')", name="a_known_state"),
)
