"""One cluster for all tests of this folder, which run in the order of their file."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import images
from tests.cluster.cluster import Cluster
from tests.cluster.daemon import daemon, own_network

PROGRAMS = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "curl": "curl",
}


def why_not() -> str:
    """What keeps the cluster from being started here."""
    if not os.environ.get("TEST_CLUSTER"):
        return "takes minutes: make test-cluster"
    if os.geteuid() != 0:
        return "a docker daemon of its own needs root"
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    return f"needs Debian's {', '.join(missing)}" if missing else ""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Nothing runs on it yet."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    base, services = images.make()
    folder = Path(tempfile.mkdtemp(prefix="relay-"))
    try:
        with own_network(), daemon(folder) as address:
            cluster = Cluster(address)
            cluster.docker("import", str(base), "relay-base")
            cluster.docker("import", str(services), "relay-services")
            try:
                yield cluster
            finally:
                cluster.make("down")
    finally:
        shutil.rmtree(folder)
