"""Databases for these tests: a file of its own for each, and a database of its own on one PostgreSQL server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_proxy.conversations.patience import Limits
from edge_proxy.conversations.store import Store, open_store
from tests.support.postgres_server import Server

LIMITS = Limits(ask_s=5.0, keep_s=5.0)


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/conversations.db"


@pytest.fixture
def postgres_url(postgres: Server) -> str:
    return asyncio.run(postgres.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty database."""
    found: str = request.getfixturevalue("file_url" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    made = await open_store(url, LIMITS)
    yield made
    await made.close()


@pytest.fixture
async def file_store(file_url: str) -> AsyncIterator[Store]:
    made = await open_store(file_url, LIMITS)
    yield made
    await made.close()
