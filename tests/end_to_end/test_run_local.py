"""`make run`, from its first line to Ctrl-C: what a newcomer sees first."""

import asyncio
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from scripts.run_local import PACE, _pace
from tests.support.http import Exchange
from tests.support.processes import Service
from tests.support.sse import check_native


def free_ports() -> tuple[int, int]:
    """Two ports that are free now."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def processes_with(text: str) -> list[str]:
    """The command lines of this machine's processes whose environment has the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue  # it has just ended, or is not ours to look at
    return [line for line in found if "inference_worker" in line or "edge_proxy" in line]


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="looks for processes left behind in /proc")
async def test_it_prints_a_command_that_works_and_ctrl_c_leaves_nothing() -> None:
    worker_port, edge_port = free_ports()
    ports = {"WORKER_PORT": str(worker_port), "EDGE_PORT": str(edge_port)}
    service = Service("scripts/run_local.py", **ports)
    try:
        command = await asyncio.to_thread(service.wait_for, r"(curl -N [^\n]+)\n")
        match = re.fullmatch(r"curl -N -X POST http://(localhost:\d+)(\S+) -H 'content-type: \S+' -d '(.*)'", command)
        assert match
        begin = time.monotonic()
        stream = await Exchange.post(match[1], json.loads(match[3]), path=match[2])
        events = await stream.all_events()
        assert "owl" in check_native(events)
        assert f"keeps to {PACE} tokens a second" in service.output()
        assert events[-1].json["usage"]["completionTokens"] / (time.monotonic() - begin) < 1.1 * PACE
        assert len(processes_with(f"WORKER_PORT={worker_port}")) == 2

        begin = time.monotonic()
        service.send(signal.SIGINT)
        assert await asyncio.to_thread(service.process.wait, 5) == 0
        assert time.monotonic() - begin < 3
        assert processes_with(f"WORKER_PORT={worker_port}") == []
        assert "Traceback" not in service.output()
    finally:
        service.stop()


@pytest.mark.parametrize("chosen", ["WORKER_ENGINE", "WORKER_MODEL", "WORKER_ENGINE_OPTIONS"])
def test_nothing_is_slowed_down_that_somebody_has_chosen(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    assert _pace() == {"WORKER_ENGINE_OPTIONS": f"tokens_per_second={PACE}"}
    monkeypatch.setenv(chosen, "")
    assert _pace() == {}


async def test_a_port_that_is_taken_is_said_in_one_line_and_ends_all() -> None:
    worker_port, _ = free_ports()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = Service("scripts/run_local.py", WORKER_PORT=str(worker_port), EDGE_PORT=str(port))
        try:
            assert await asyncio.to_thread(service.process.wait, 20) == 1
            output = service.output()
        finally:
            service.stop()
    assert f"edge_proxy: 127.0.0.1:{port} can not be listened on" in output
    assert "Traceback" not in output
