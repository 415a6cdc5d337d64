"""The Kubernetes manifests: right by the schema, of one mind with the code and with each other."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edge_proxy.settings import Settings as EdgeSettings
from inference_worker.settings import Settings as WorkerSettings
from tests.deploy.manifests import ROOT, complaint, read

FOLDER = ROOT / "deploy/kubernetes"
SCHEMA = json.loads((ROOT / "tests/deploy/kubernetes_1.30.json").read_text())
OURS = {"edge-proxy": "EDGE_", "inference-worker": "WORKER_"}


@cache
def manifests() -> list[dict[str, Any]]:
    """All that the kustomization lists."""
    files = read("deploy/kubernetes/kustomization.yaml")["resources"]
    return [each for file in files for each in yaml.safe_load_all((FOLDER / file).read_text())]


def only(kind: str, name: str) -> dict[str, Any]:
    """The one of that kind and name."""
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str) -> dict[str, Any]:
    """What a deployment's pods are like."""
    spec: dict[str, Any] = only("Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    """Its only container."""
    (found,) = pod(name)["containers"]
    return dict(found)


def variables(name: str) -> dict[str, str]:
    """Its environment."""
    return {each["name"]: each["value"] for each in container(name)["env"] if "value" in each}


def faults(manifest: dict[str, Any]) -> list[str]:
    """What the schema has against it."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    name = f"io.k8s.api.{group.removesuffix('.k8s.io') or 'core'}.{version}.{manifest['kind']}"
    validator = jsonschema.Draft7Validator(SCHEMA | {"$ref": f"#/definitions/{name}"})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def label(each: dict[str, Any]) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


@pytest.mark.parametrize("manifest", manifests(), ids=label)
def test_a_manifest_is_as_the_schema_says(manifest: dict[str, Any]) -> None:
    assert faults(manifest) == []


def test_the_schema_finds_a_slip() -> None:
    for path, value in (("replica", 3), ("replicas", "three"), ("strategy", {"rollingUpdate": {"maxSurges": 1}})):
        wrong = copy.deepcopy(only("Deployment", "inference-worker"))
        wrong["spec"][path] = value
        assert faults(wrong) != []


def test_no_file_is_left_out_of_the_kustomization() -> None:
    listed = read("deploy/kubernetes/kustomization.yaml")["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_with_a_value_that_is_taken(name: str, tmp_path: Path) -> None:
    given = variables(name)
    for variable in [variable for variable in given if variable.endswith("_FILE")]:
        mounts = [mount["mountPath"] for mount in container(name)["volumeMounts"]]
        assert str(Path(given[variable]).parent) in mounts
        given[variable] = str(tmp_path / "there")
        (tmp_path / "there").touch()
    assert complaint(given, OURS[name]) == ""


@pytest.mark.parametrize("name", OURS)
def test_a_pod_may_do_little_and_use_so_much(name: str) -> None:
    spec, one = pod(name), container(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert one["securityContext"] == security
    assert set(one["resources"]["limits"]) == {"cpu", "memory"}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(one)


@pytest.mark.parametrize(("name", "settings"), [("edge-proxy", EdgeSettings()), ("inference-worker", WorkerSettings())])
def test_ports_are_those_that_the_services_listen_on(name: str, settings: EdgeSettings | WorkerSettings) -> None:
    named, metrics = container(name)["ports"]
    port = settings.port
    assert named["containerPort"] == port
    assert (metrics["name"], metrics["containerPort"]) == ("metrics", settings.metrics_port)
    assert {given["targetPort"] for given in only("Service", name)["spec"]["ports"]} == {named["name"]}
    probes = [container(name)[f"{when}Probe"] for when in ("startup", "readiness", "liveness")]
    asked = {how["port"] for probe in probes for key, how in probe.items() if key in ("grpc", "httpGet", "tcpSocket")}
    assert asked <= {port, named["name"]}


def test_edges_find_every_worker_by_the_name_of_a_headless_service() -> None:
    service = only("Service", "inference-worker")["spec"]
    assert service["clusterIP"] == "None"
    assert variables("edge-proxy")["EDGE_WORKERS"] == f"inference-worker:{service['ports'][0]['port']}"


def test_nobody_is_killed_before_its_drain_is_over() -> None:
    edge = EdgeSettings.model_validate({"drain_settle_s": variables("edge-proxy")["EDGE_DRAIN_SETTLE_S"]})
    last_s = edge.drain_settle_s + edge.drain_timeout_s + edge.stop_timeout_s
    assert last_s < pod("edge-proxy")["terminationGracePeriodSeconds"]
    assert WorkerSettings().drain_timeout_s + 3 < pod("inference-worker")["terminationGracePeriodSeconds"]
    ready = container("edge-proxy")["readinessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] < edge.drain_settle_s, "it is to be noticed meanwhile"


def test_the_address_of_the_database_has_a_password_and_so_is_a_secret() -> None:
    (found,) = [each for each in container("edge-proxy")["env"] if each["name"] == "EDGE_DATABASE_URL"]
    assert found["valueFrom"]["secretKeyRef"] == {"name": "edge-database", "key": "url", "optional": True}


def selectors(value: object) -> Iterator[dict[str, str]]:
    """Every selector in a manifest, that is for pods of ours."""
    if isinstance(value, dict):
        if "app.kubernetes.io/name" in value:
            yield value
        for each in value.values():
            yield from selectors(each)
    elif isinstance(value, list):
        for each in value:
            yield from selectors(each)


@pytest.mark.parametrize("manifest", manifests(), ids=label)
def test_what_is_selected_is_there(manifest: dict[str, Any]) -> None:
    assert {found["app.kubernetes.io/name"] for found in selectors(manifest)} <= {
        *OURS,
        "postgresql",
        "prometheus",
    }  # which is the cluster's own


def test_the_autoscaler_and_the_budgets_are_for_what_is_deployed() -> None:
    assert only("HorizontalPodAutoscaler", "edge-proxy")["spec"]["scaleTargetRef"]["name"] == "edge-proxy"
    assert "replicas" not in only("Deployment", "edge-proxy")["spec"], "each apply would undo the autoscaler"
    for name in OURS:
        chosen = only("Deployment", name)["spec"]["selector"]
        assert only("PodDisruptionBudget", name)["spec"]["selector"] == chosen
        assert only("Deployment", name)["spec"]["template"]["metadata"]["labels"] == chosen["matchLabels"]
