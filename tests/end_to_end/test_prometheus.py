"""The alert rules and the dashboard, by Prometheus's own tools and by a real one that scrapes both services."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from edge_proxy.core.measures import MEASURES as EDGE
from inference_worker.measures import MEASURES as WORKER
from tests.support import metrics, processes
from tests.support.prometheus import Prometheus, needed, prometheus

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "token-relay.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
NAME = re.compile(r"\b(?:token_relay|gen_ai_server|process)_\w+")
SUFFIXES = re.compile(r"_(bucket|sum|count)$")
LABELS = ("gen_ai_operation_name", "gen_ai_request_model", "process")

# So that an alert fires within seconds: the windows are shorter, the thresholds are those of the file.
SHORTER = (("[5m]", "[5s]"), ("for: 1m", "for: 1s"), ("for: 2m", "for: 1s"), ("for: 5m", "for: 1s"))

PATH = "/api/v1/ai/generate"
SLOW = {"first_token_delay_ms": 1500, "tokens_per_second": 3, "tokens": 12}


def rules() -> dict[str, dict[str, Any]]:
    """Each alert, by its name."""
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def names(expression: str) -> set[str]:
    """The measures that an expression is made of."""
    found = {SUFFIXES.sub("", name) for name in NAME.findall(re.sub(r'"[^"]*"', "", expression))}
    return found - set(LABELS)


@needed
def test_the_rules_do_as_their_own_tests_say() -> None:
    told = subprocess.run(
        ["promtool", "test", "rules", "alerts.test.yml"], cwd=RULES.parent, capture_output=True, check=False
    )
    assert told.returncode == 0, told.stdout.decode() + told.stderr.decode()


@needed
def test_the_configuration_is_one() -> None:
    told = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=RULES.parent, capture_output=True, check=False
    )
    assert told.returncode == 0, told.stdout.decode() + told.stderr.decode()


@pytest.mark.parametrize(
    ("alert", "threshold"),
    [("FirstTokenSlow", "> 1"), ("GapsLong", "> 0.2"), ("StreamsFail", "< 0.95"), ("ManyStreams", "> 1500")],
)
def test_the_thresholds_are_those_that_were_asked_for(alert: str, threshold: str) -> None:
    assert rules()[alert]["expr"].endswith(threshold)


def test_every_alert_has_a_test_of_its_own_and_a_page_to_read() -> None:
    tested = {
        check["alertname"]
        for test in yaml.safe_load((RULES.parent / "alerts.test.yml").read_text())["tests"]
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert tested == set(rules())
    page = (ROOT / "docs" / "observability.md").read_text()
    assert [name for name in rules() if f"### {name}\n" not in page] == []


@pytest.mark.parametrize(
    "expression",
    [*[rule["expr"] for rule in rules().values()], *[expression for _, expression in QUERIES]],
)
def test_every_query_is_about_what_is_measured(expression: str) -> None:
    assert names(expression) <= set(EDGE) | set(WORKER)
    assert names(expression) or expression.startswith("up{")


def test_all_that_is_measured_is_on_the_dashboard() -> None:
    shown = set().union(*(names(expression) for _, expression in QUERIES))
    assert (set(EDGE) | set(WORKER)) - shown == set()


@pytest.fixture(scope="module")
def slow() -> Iterator[Prometheus]:
    """A Prometheus that scrapes a worker which is slow and an edge, with streams before and while it is asked."""
    text = RULES.read_text()
    for long, short in SHORTER:
        text = text.replace(long, short)
    with processes.worker() as (worker, inference), processes.edge(worker) as (edge, proxy):
        targets = {"token-relay-edge": metrics.address(proxy), "token-relay-worker": metrics.address(inference)}
        with prometheus(targets, text) as running, httpx.Client(base_url=f"http://{edge}") as client:
            processes.wait_until(lambda: len(running.query("up == 1")) == 2, "both are scraped")
            for _ in range(3):
                client.post(PATH, json={"prompt": "x", "engine_options": SLOW}, timeout=60).raise_for_status()
            yield running


@pytest.mark.long
@needed
def test_alerts_fire_on_a_slow_worker_and_no_others(slow: Prometheus) -> None:
    def fired() -> set[str]:
        series = slow.query('max_over_time(ALERTS{alertstate="firing"}[5m])')
        return {each["metric"]["alertname"] for each in series}

    processes.wait_until(lambda: len(fired()) > 1, "they have fired")
    assert fired() == {"FirstTokenSlow", "GapsLong"}


@needed
def test_every_panel_can_be_drawn(slow: Prometheus) -> None:
    scraped = {SUFFIXES.sub("", name) for name in slow.ask("label/__name__/values")}
    labelled = {name for name, measure in (EDGE | WORKER).items() if measure.labels}
    for title, expression in QUERIES:
        slow.query(expression.replace("$__rate_interval", "30s"))  # which raises where it is no expression
        assert names(expression) - scraped <= labelled, title  # what has labels is there once something has happened
