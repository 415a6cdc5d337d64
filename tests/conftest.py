import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres_server import Server, postgres_server

# How long an example takes says something about the machine, and nothing about the product. Every run tries the same
# ones: what a change breaks is seen at that change, and nothing is by chance.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
# For `make prove`, others each time: pytest --hypothesis-profile=prove.
settings.register_profile("prove", parent=settings.get_profile("unhurried"), derandomize=False, max_examples=10_000)
settings.load_profile("unhurried")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests with one node id xdist runs one, and says nothing of the others."""
    twice = [nodeid for nodeid, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"several tests are called {', '.join(twice)}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of our own; what needs it is skipped where there is none."""
    with postgres_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are what a test says, whatever the developer has exported."""
    for name in os.environ:
        if name.startswith(("EDGE_", "WORKER_")):
            monkeypatch.delenv(name)
