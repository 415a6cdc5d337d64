import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres_server import Server, postgres_server

# How long an example takes says something about the machine, and nothing about the product.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For `make prove`: pytest --hypothesis-profile=prove.
settings.register_profile("prove", parent=settings.get_profile("unhurried"), max_examples=10_000)
settings.load_profile("unhurried")


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
