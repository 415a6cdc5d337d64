"""The Dockerfile, as text: what the images are made of. tests/cluster builds and runs them."""

import re

import pytest

from edge_proxy.settings import Settings as EdgeSettings
from inference_worker.settings import Settings as WorkerSettings
from tests.deploy.manifests import ROOT, complaint

TEXT = (ROOT / "Dockerfile").read_text()
STAGES = {match[2]: match[0] for match in re.finditer(r"^FROM (\S+) AS (\S+)\n(?:(?!^FROM ).*\n)*", TEXT, re.MULTILINE)}
PORTS = {"inference_worker": WorkerSettings().port, "edge_proxy": EdgeSettings().port}


def test_packages_are_installed_by_their_hashes() -> None:
    (install,) = re.findall(r"pip .*?\binstall\b(?:.*\\\n)*.*", TEXT)
    assert "--require-hashes -r /requirements.txt" in install
    assert "pip" not in STAGES["inference_worker"] + STAGES["edge_proxy"]


@pytest.mark.parametrize("target", PORTS)
def test_an_image_starts_its_service_directly_and_without_rights(target: str) -> None:
    stage = STAGES[target]
    assert re.findall(r"^USER (.*)", stage, re.MULTILINE)[-1] == "10001:10001"
    assert re.search(rf'^ENTRYPOINT \["python", "-m", "{target}"', stage, re.MULTILINE), "a shell would eat signals"
    assert re.search(rf'^HEALTHCHECK .* CMD \["python", "-m", "{target}", "health"\]', stage, re.MULTILINE)
    assert f"EXPOSE {PORTS[target]}\n" in stage


@pytest.mark.parametrize(("target", "prefix"), [("inference_worker", "WORKER_"), ("edge_proxy", "EDGE_")])
def test_variables_of_an_image_are_settings(target: str, prefix: str) -> None:
    given = dict(re.findall(rf"({prefix}\w+)=(\S+)", STAGES[target]))
    assert given
    anyone = {"EDGE_ALLOW_ANONYMOUS": "true"} if prefix == "EDGE_" else {}
    assert complaint(given | anyone, prefix) == ""


def test_an_edge_for_everyone_must_be_asked_for() -> None:
    assert "ALLOW_ANONYMOUS" not in TEXT


@pytest.mark.parametrize("target", PORTS)
def test_an_image_has_its_own_service_alone(target: str) -> None:
    (other,) = set(PORTS) - {target}
    assert f"COPY {target}/ {target}/" in STAGES[target]
    assert other not in STAGES[target]


def test_a_build_is_sent_nothing_that_is_not_named() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert all(line.startswith("!") or line == "**/__pycache__" for line in rest)
