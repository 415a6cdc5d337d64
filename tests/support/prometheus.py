"""A real Prometheus before real services."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes

needed = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Debian's package prometheus is not installed"
)
SCRAPE_INTERVAL = "500ms"


class Prometheus:
    """A running one."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, path: str, **parameters: str) -> Any:
        """What its API answers.

        Raises:
            urllib.error.HTTPError: It does not like the question.
        """
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self._address}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result


@contextlib.contextmanager
def prometheus(targets: Mapping[str, str], rules: str = "") -> Iterator[Prometheus]:
    """One that scrapes these addresses, by the names of their jobs, and knows these rules."""
    port = processes.free_port()
    configuration = {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alerts.yml").write_text(rules)
        (Path(folder) / "prometheus.yml").write_text(json.dumps(configuration))  # which is YAML, too
        arguments = [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            made = Prometheus(f"127.0.0.1:{port}")
            processes.wait_until(lambda: _ready(port), "Prometheus is ready")
            yield made
        finally:
            running.terminate()
            running.wait(20)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2):
            return True
    except OSError:
        return False
