"""From `make up` to `make down`, in this order: a story, containers killed under streams, more workers, and nothing."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.faults.client import Client, come_back, uncut
from tests.support.http import Exchange
from tests.support.sse import Reader, check_native

pytestmark = pytest.mark.timeout(600)

STREAMS = 50
LIMIT_S = 90.0
LONG = {
    "prompt": "Kill what carries me.",
    "seed": 3,
    "resumable": True,
    "engine_options": {"tokens": 500, "tokens_per_second": 25},
}
SHORT = {"prompt": "Who are you?", "engine_options": {"tokens": 2, "tokens_per_second": 100}}
OURS = ("edge_proxy", "inference_worker")


def up(cluster: Cluster, arguments: str = "", **variables: str) -> str:
    """Bring it up; what is printed."""
    printed = cluster.make("up", arguments, **variables)
    found = re.search(r"streams at http://(\S+),", printed)
    assert found
    cluster.address = found[1]
    return printed


async def until(condition: Callable[[], object], what: str, *, limit_s: float = LIMIT_S) -> None:
    """Poll until it holds, for so long at most."""
    deadline = time.monotonic() + limit_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        await asyncio.sleep(0.1)


def difference(text: str, expected: str) -> str:
    """Where they part, and how both go on; nothing: they are equal."""
    if text == expected:
        return ""
    pairs = enumerate(zip(text, expected, strict=False))
    place = next((index for index, (one, other) in pairs if one != other), min(len(text), len(expected)))
    return f"at {place} of {len(expected)}: {text[place : place + 30]!r} for {expected[place : place + 30]!r}"


class Survivor:
    """A client that comes back as often as it is cut off, whatever it is answered meanwhile."""

    def __init__(self, address: str) -> None:
        self.client = Client(LONG)
        self.cuts = 0
        self.refusals: Counter[str] = Counter()
        self._address = address

    async def run(self) -> None:
        """To the end of its generation."""
        await self.client.begin(self._address)
        while True:
            await self.client.read()
            if self.client.ended:
                self.client.leave()
                return
            self.client.leave()
            self.cuts += 1
            await self._come_back()

    async def _come_back(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while True:
            assert time.monotonic() < deadline, dict(self.refusals)
            try:
                connection = await come_back(self._address, self.client.last_id)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.refusals[type(error).__name__] += 1
            else:
                if connection.status == 200:
                    self.client.take(connection)
                    return
                self.refusals[str(connection.status)] += 1
                connection.close()
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> str:
    """What the first `make up` has said, of a cluster with the bundled model."""
    return up(cluster)


def test_make_up_prints_a_command_that_streams_a_story_through_nginx(cluster: Cluster, told: str) -> None:
    (command,) = re.findall(r"^ +(curl .*)$", told, re.MULTILINE)
    printed = cluster.shell(f"{command} --silent --show-error")
    assert "owl" in printed
    check_native(list(Reader().feed(printed.encode())))


async def test_nginx_passes_on_a_websocket(cluster: Cluster, told: str) -> None:
    head = (
        "GET /api/v1/ai/generate/ws HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n"
        "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    )
    exchange = await Exchange.send(cluster.address, head)
    await exchange.read_head()
    assert (exchange.status, exchange.headers.get("upgrade")) == (101, "websocket"), exchange.headers
    exchange.close()


@pytest.mark.parametrize("service", OURS)
def test_a_container_has_no_rights_and_no_build_tools(cluster: Cluster, told: str, service: str) -> None:
    name = cluster.containers(service)[0]["Name"].strip("/")
    assert cluster.docker("exec", name, "id", "-u").strip() == "10001"
    status = cluster.docker("exec", name, "cat", "/proc/1/status")
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    tools = (
        "for tool in gcc cc g++ make ld; do command -v $tool; done; touch /relay/x 2>/dev/null && echo writable; true"
    )
    assert cluster.docker("exec", name, "sh", "-c", tools) == ""


async def test_every_health_check_passes(cluster: Cluster, told: str) -> None:
    health: dict[str, Any] = {}

    def all_healthy() -> bool:
        found = [each for service in (*OURS, "valkey", "postgres") for each in cluster.containers(service)]
        health.update({each["Name"]: each["State"]["Health"] for each in found})
        return len(found) == 7 and all(each["Status"] == "healthy" for each in health.values())

    try:
        await until(all_healthy, "all are healthy")
    except AssertionError:
        raise AssertionError(health) from None


def test_prometheus_is_ready(cluster: Cluster, told: str) -> None:
    (prometheus,) = cluster.containers("prometheus")
    address = prometheus["NetworkSettings"]["Networks"]["relay_front"]["IPAddress"]
    assert "Ready" in cluster.shell(f"curl --silent --show-error --fail http://{address}:9090/-/ready")


async def test_fifty_streams_outlive_an_edge_and_a_worker(
    cluster: Cluster, told: str, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(up, cluster, WORKER_ENGINE="scripted")
    expected = await uncut(cluster.address, LONG)
    survivors = [Survivor(cluster.address) for _ in range(STREAMS)]
    running = [asyncio.create_task(survivor.run()) for survivor in survivors]
    clients = [survivor.client for survivor in survivors]

    await until(lambda: all(client.index > 50 for client in clients), "all have begun")
    edge = (await asyncio.to_thread(cluster.containers, "edge_proxy"))[0]
    await asyncio.to_thread(cluster.docker, "kill", edge["Id"])
    await until(lambda: all(client.index > 150 for client in clients), "all go on without that edge")
    cuts_by_edge = sum(survivor.cuts for survivor in survivors)
    owners = Counter(client.generation_id.partition("-")[0] for client in clients)
    doomed, streams_lost = owners.most_common(1)[0]
    worker = await asyncio.to_thread(container_of, cluster, doomed)
    await asyncio.to_thread(cluster.docker, "kill", worker["Id"])
    await asyncio.wait_for(asyncio.gather(*running), LIMIT_S)

    assert {difference(client.text(), expected) for client in clients} == {""}
    assert cuts_by_edge > 0, "nobody was on the edge that was killed"
    assert streams_lost > 0
    assert len(cluster.containers("edge_proxy")) == 1
    assert len(cluster.containers("inference_worker")) == 2
    figures: dict[str, Any] = {
        "streams": STREAMS,
        "cut with the edge": cuts_by_edge,
        "on the worker": streams_lost,
        "workers that had any": len(owners),
        "cuts in all": sum(survivor.cuts for survivor in survivors),
        "answers on the way back": dict(sum((survivor.refusals for survivor in survivors), Counter())),
        "longest pause, s": round(max(client.longest_pause_s for client in clients), 2),
    }
    print(json.dumps(figures))  # noqa: T201 - for who runs it with -s
    record_property("figures", figures)


def container_of(cluster: Cluster, worker_id: str) -> dict[str, Any]:
    """The container of the worker that calls itself so."""
    for container in cluster.containers("inference_worker"):
        if f"Worker {worker_id} serves" in cluster.shell(f"docker logs {container['Id']} 2>&1"):
            return container
    raise AssertionError(f"no worker is {worker_id}")


async def test_five_workers_are_all_used_after_scaling(cluster: Cluster, told: str) -> None:
    edges = {each["Id"] for each in cluster.containers("edge_proxy")}
    await asyncio.to_thread(up, cluster, "--scale inference_worker=5", WORKER_ENGINE="scripted")
    assert len(cluster.containers("inference_worker")) == 5
    assert edges < {each["Id"] for each in cluster.containers("edge_proxy")}, "an edge was not left alone"
    seen: set[str] = set()
    deadline = time.monotonic() + LIMIT_S
    while len(seen) < 5:
        assert time.monotonic() < deadline, f"only {seen} are used"
        client = await (await Client(SHORT).begin(cluster.address)).read_to_end()
        seen.add(client.generation_id.partition("-")[0])


async def test_the_second_file_adds_a_worker_before_an_openai_compatible_service(cluster: Cluster, told: str) -> None:
    both = "docker-compose.yml:docker-compose.openai.yml"
    await asyncio.to_thread(up, cluster, COMPOSE_FILE=both)
    request: dict[str, object] = {"prompt": "Tell me a story about an owl.", "model": "llama"}

    def refused() -> bool:  # until that service has its model, and its worker has said so to the edges
        return asyncio.run(status(cluster.address, request)) != 200

    await until(lambda: not refused(), "the model llama is served")
    client = await (await Client(request).begin(cluster.address)).read_to_end()
    assert "owl" in client.text()
    await asyncio.to_thread(cluster.make, "down", COMPOSE_FILE=both)
    await asyncio.to_thread(up, cluster)


async def status(address: str, request: dict[str, object]) -> int:
    """Of the answer to a request, which is then left."""
    exchange = await Exchange.post(address, request)
    exchange.close()
    return exchange.status


def test_an_edge_that_is_stopped_leaves_in_order(cluster: Cluster, told: str) -> None:
    edge = cluster.containers("edge_proxy")[0]
    cluster.docker("stop", "--time", "30", edge["Id"])
    (stopped,) = json.loads(cluster.docker("inspect", edge["Id"]))
    assert stopped["State"]["ExitCode"] == 0
    assert "Edge has stopped." in cluster.shell(f"docker logs {edge['Id']} 2>&1")


def test_make_down_leaves_nothing(cluster: Cluster, told: str) -> None:
    cluster.make("down")
    assert cluster.docker("ps", "--all", "--quiet") == ""
    assert cluster.docker("volume", "ls", "--quiet") == ""
    assert set(cluster.docker("network", "ls", "--format", "{{.Name}}").split()) == {"bridge", "host", "none"}
    named = cluster.docker("images", "--format", "{{.Repository}}").split()
    assert set(named) - {"<none>"} == {"relay-base", "relay-services"}
