"""The compose files: what is in them is known to the code, and every container is held to little."""

import re
from typing import Any

import pytest

from edge_proxy.settings import Settings as EdgeSettings
from inference_worker.settings import Settings as WorkerSettings
from tests.deploy.manifests import ROOT, complaint, read

SERVICES: dict[str, Any] = read("docker-compose.yml")["services"]
OPENAI: dict[str, Any] = read("docker-compose.openai.yml")["services"]
EVERY = SERVICES | {name: given for name, given in OPENAI.items() if name not in SERVICES}
OURS = {"edge_proxy": "EDGE_", "inference_worker": "WORKER_", "openai_worker": "WORKER_"}


def without_interpolation(value: object) -> str:
    """With the defaults of `${NAME:-default}`."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value))


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting_with_a_value_that_is_taken(service: str) -> None:
    variables = {name: without_interpolation(value) for name, value in EVERY[service]["environment"].items()}
    assert complaint(variables, OURS[service]) == ""


def test_a_variable_that_is_no_setting_is_found() -> None:
    assert complaint({"EDGE_WORKER": "a:1"}, "EDGE_") == "EDGE_WORKER is no setting"
    assert "host:port" in complaint({"EDGE_WORKERS": "a"}, "EDGE_")


@pytest.mark.parametrize("service", EVERY)
def test_a_container_may_do_little_and_use_so_much(service: str) -> None:
    given = EVERY[service]
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "tmpfs"} <= set(given)
    assert "privileged" not in given
    assert "build" in given or re.fullmatch(r"[1-9]\d*:\d+", given["user"]), "root, as far as one can see"


def test_only_nginx_can_be_reached_from_outside_and_by_this_machine_alone() -> None:
    published = {name: given["ports"] for name, given in SERVICES.items() if "ports" in given}
    assert list(published) == ["nginx"]
    assert without_interpolation(published["nginx"][0]) == "127.0.0.1:8080:8080"
    for settings in ({}, {"EDGE_ALLOW_ANONYMOUS": "false"}):
        assert "there are no keys" in complaint({"EDGE_HOST": "0.0.0.0"} | settings, "EDGE_")  # noqa: S104


def test_workers_and_what_edges_share_reach_nothing_outside() -> None:
    assert read("docker-compose.yml")["networks"]["back"] == {"internal": True}
    for name in ("inference_worker", "valkey", "postgres"):
        assert SERVICES[name]["networks"] == ["back"]


def test_conversations_are_kept_in_a_volume_by_a_server_that_asks_for_a_password() -> None:
    given = SERVICES["postgres"]
    password = without_interpolation(given["environment"]["DATABASE_PASSWORD"])
    url = without_interpolation(SERVICES["edge_proxy"]["environment"]["EDGE_DATABASE_URL"])
    assert url == f"postgresql://relay:{password}@postgres:5432/postgres"
    folder = given["environment"]["PGDATA"].rpartition("/")[0]
    assert f"conversations:{folder}" in given["volumes"]
    assert read("docker-compose.yml")["volumes"] == {"conversations": {}}
    assert "pg_isready" in given["healthcheck"]["test"]
    script = (ROOT / "deploy/postgres/start.sh").read_text()
    assert "scram-sha-256" in script
    assert "trust" not in script


def test_nobody_is_killed_before_its_drain_is_over() -> None:
    edge, worker = EdgeSettings(), WorkerSettings()
    settle_s = float(SERVICES["edge_proxy"]["environment"]["EDGE_DRAIN_SETTLE_S"])
    assert settle_s + edge.drain_timeout_s + edge.stop_timeout_s < grace_s("edge_proxy")
    assert worker.drain_timeout_s + 3 < grace_s("inference_worker"), "what it takes to end, after the drain"
    conf = (ROOT / "deploy/nginx/nginx.conf").read_text()
    assert "worker_shutdown_timeout" not in conf, "a reload would cut streams too"


def grace_s(service: str) -> float:
    """How long compose waits."""
    return float(SERVICES[service]["stop_grace_period"].removesuffix("s"))


def test_the_second_file_adds_a_worker_and_its_service() -> None:
    assert list(OPENAI) == ["edge_proxy", "openai_worker", "llama_server"]
    (name, workers), *others = OPENAI["edge_proxy"]["environment"].items()
    assert (name, others) == ("EDGE_WORKERS", [])
    assert complaint({name: workers}, "EDGE_") == ""
    assert workers.split(",") == [SERVICES["edge_proxy"]["environment"]["EDGE_WORKERS"], "openai_worker:50051"]
    url = without_interpolation(OPENAI["openai_worker"]["environment"]["WORKER_UPSTREAM_URL"])
    assert url == f"http://llama_server:{OPENAI['llama_server']['environment']['LLAMA_PORT']}/v1"


def test_there_are_two_edges_and_three_workers_who_find_each_other_by_name() -> None:
    assert (SERVICES["edge_proxy"]["scale"], SERVICES["inference_worker"]["scale"]) == (2, 3)
    assert SERVICES["edge_proxy"]["environment"]["EDGE_WORKERS"] == f"inference_worker:{WorkerSettings().port}"
    assert f"server edge_proxy:{EdgeSettings().port} " in (ROOT / "deploy/nginx/nginx.conf").read_text()


def test_nginx_passes_on_what_edges_take_and_waits_longer_than_a_ping() -> None:
    conf = (ROOT / "deploy/nginx/nginx.conf").read_text()
    for line in ("proxy_buffering off;", "proxy_http_version 1.1;", "gzip off;", "keepalive 64;"):
        assert line in conf
    assert "non_idempotent;" not in conf, "a POST would be sent twice"
    read_timeout = re.search(r"proxy_read_timeout (\d+)s;", conf)
    assert read_timeout
    assert int(read_timeout[1]) > 2 * EdgeSettings().ping_interval_s
    size = re.search(r"client_max_body_size (\d+)m;", conf)
    assert size
    assert int(size[1]) * 2**20 == EdgeSettings().max_body_bytes
