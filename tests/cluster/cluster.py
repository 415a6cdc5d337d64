"""What an operator does with the cluster, and what can be seen of it."""

import json
import subprocess
from typing import Any

from tests.support.processes import ROOT, clean_environment

STAND_INS = {
    "RELAY_BASE": "relay-base",
    "RELAY_NO_INDEX": "1",
    "RELAY_NGINX": "relay-services",
    "RELAY_VALKEY": "relay-services",
    "RELAY_POSTGRES": "relay-services",
    "RELAY_PROMETHEUS": "relay-services",
}


class Cluster:
    """On one docker daemon, under the project's name `relay`.

    Attributes:
        address: Of nginx, once it was brought up.
    """

    def __init__(self, daemon: str) -> None:
        self.address = ""
        self._environment = clean_environment() | STAND_INS | {"DOCKER_HOST": daemon, "COMPOSE_PROJECT_NAME": "relay"}

    def make(self, target: str, arguments: str = "", **variables: str) -> str:
        """What `make` prints; it must succeed."""
        return self._run(["make", "--no-print-directory", target, f"ARGS={arguments}"], **variables)

    def docker(self, *arguments: str) -> str:
        """What docker prints; it must succeed."""
        return self._run(["docker", *arguments])

    def compose(self, *arguments: str) -> str:
        """What docker-compose prints; it must succeed."""
        return self._run(["docker-compose", *arguments])

    def shell(self, command: str) -> str:
        """What a command prints as a person would type it."""
        return self._run(["sh", "-c", command])

    def containers(self, service: str, *, stopped: bool = False) -> list[dict[str, Any]]:
        """What docker knows of a service's containers that run; or of all."""
        label = f"label=com.docker.compose.service={service}"
        names = self.docker("ps", "--quiet", "--filter", label, *(["--all"] if stopped else [])).split()
        return list(json.loads(self.docker("inspect", *names))) if names else []

    def _run(self, command: list[str], **variables: str) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout
