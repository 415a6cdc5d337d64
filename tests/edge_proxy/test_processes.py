"""One edge on several processes, as real ones."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from edge_proxy.processes import hold
from tests.support import metrics, processes

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")

ENOUGH_S = 20.0


def children(service: processes.Service) -> list[int]:
    """The processes that serve, without multiprocessing's own helper."""
    pid = service.process.pid
    serving = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                serving.append(int(child))
    return serving


def sockets(pid: int) -> int:
    """How many sockets a process has."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(descriptor).startswith("socket:")
    return count


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def ask(address: str) -> str:
    """The text of one generation."""
    body = {"prompt": "x", "engine_options": {"tokens": 3, "tokens_per_second": 0}}
    return httpx.post(f"http://{address}/api/v1/ai/generate", json=body).text


def serves_again(address: str) -> bool:
    try:
        return all('"isFinal":true' in ask(address) for _ in range(10))
    except httpx.TransportError:
        return False


def test_connections_are_spread_over_processes_that_share_the_port() -> None:
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_PROCESSES="2") as (address, service):
        processes.wait_until(lambda: service.output().count("Edge serves") == 2, "both serve")
        both = children(service)
        before = [sockets(pid) for pid in both]
        host, port = address.split(":")
        with contextlib.ExitStack() as stack:
            for _ in range(64):  # some more: what asked whether they are ready may count before, and be gone after
                stack.enter_context(socket.create_connection((host, int(port))))
            processes.wait_until(
                lambda: sum(map(sockets, both)) - sum(before) >= 60, "all are accepted", limit_s=ENOUGH_S
            )
            assert all(sockets(pid) - had >= 10 for pid, had in zip(both, before, strict=True))


def test_a_process_that_dies_is_started_again_and_the_others_go_on() -> None:
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_PROCESSES="2") as (address, service):
        processes.wait_until(lambda: service.output().count("Edge serves") == 2, "both serve")
        killed, other = children(service)
        os.kill(killed, signal.SIGKILL)
        processes.wait_until(lambda: service.output().count("Edge serves") == 3, "there are two again")
        assert other in children(service)
        assert f"process {killed} ended (-9)" in service.output()
        processes.wait_until(lambda: serves_again(address), "it serves", limit_s=ENOUGH_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them_quietly(number: signal.Signals) -> None:
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_PROCESSES="3") as (_, service):
        processes.wait_until(lambda: service.output().count("Edge serves") == 3, "all serve")
        pids = children(service)
        service.send(number)
        assert service.process.wait(10) == 0
        assert all(map(gone, pids))
        assert service.output().count("Edge has stopped.") == 3
        assert "Traceback" not in service.output()


def test_a_signal_in_the_midst_of_starting_leaves_nothing_behind() -> None:
    service = processes.Service("-m", "edge_proxy", "serve", EDGE_PROCESSES="3", EDGE_PORT="0")
    processes.wait_until(lambda: children(service), "the first has begun")
    time.sleep(0.05)  # anywhere in the second that they take
    pids = children(service)
    service.send(signal.SIGTERM)
    assert service.process.wait(10) == 0
    assert all(map(gone, pids))
    service.stop()


def test_children_do_not_outlive_their_parent() -> None:
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_PROCESSES="2") as (_, service):
        processes.wait_until(lambda: service.output().count("Edge serves") == 2, "both serve")
        pids = children(service)
        service.send(signal.SIGKILL)
        processes.wait_until(lambda: all(map(gone, pids)), "the children have left", limit_s=ENOUGH_S)


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        hold("127.0.0.1", taken.getsockname()[1])


def test_what_holds_the_port_takes_no_connections() -> None:
    with hold("127.0.0.1", 0) as holder, pytest.raises(ConnectionRefusedError):
        socket.create_connection(holder.getsockname(), timeout=5)


def test_what_all_have_measured_is_told_together_and_never_goes_back() -> None:
    name, started = "token_relay_edge_streams_ended_total", "token_relay_edge_streams_started_total"
    with processes.worker() as (worker, _), processes.edge(worker, EDGE_PROCESSES="2") as (address, service):
        processes.wait_until(lambda: service.output().count("Edge serves") == 2, "both serve")
        where = metrics.address(service)
        for _ in range(20):
            ask(address)
        processes.wait_until(lambda: metrics.scrape(where).sum(name, outcome="finished") == 20, "all are told of")
        both = metrics.scrape(where)
        assert both.values("token_relay_edge_streams_open", "process") == {"0", "1"}
        assert both.sum("process_resident_memory_bytes", process="0") > 0
        for child in children(service):
            os.kill(child, signal.SIGKILL)
            processes.wait_until(lambda child=child: gone(child), "it is gone")  # type: ignore[misc]  # a default
            assert metrics.scrape(where).sum(name) == 20
        processes.wait_until(lambda: serves_again(address), "both serve again", limit_s=3 * ENOUGH_S)
        processes.wait_until(lambda: metrics.scrape(where).sum(name) >= 30, "those since are told of, too")
        assert metrics.scrape(where).sum(started) == metrics.scrape(where).sum(name)
