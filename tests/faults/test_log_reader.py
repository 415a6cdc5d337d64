"""Who reads the logs of both services stops reading, as a pager does, or a collector that has stalled."""

import asyncio
import contextlib
import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import processes
from tests.support.http import Exchange
from tests.support.sse import check_native

STREAMS = 60  # each is a line of some hundred bytes in both logs
PIPE_BYTES = 4096


@contextlib.contextmanager
def unread(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A service that says all into a small pipe."""
    command = [sys.executable, "-m", *arguments]
    environment = processes.clean_environment() | variables
    with subprocess.Popen(command, cwd=processes.ROOT, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="pipes can not be made small here")
async def test_streams_and_the_end_do_not_wait_for_the_reader_of_a_log() -> None:
    worker_port, edge_port = str(processes.free_port()), str(processes.free_port())
    edge = f"127.0.0.1:{edge_port}"
    with (
        unread(
            "inference_worker", WORKER_ENGINE="scripted", WORKER_PORT=worker_port, WORKER_METRICS_PORT="0"
        ) as worker,
        unread(
            *("edge_proxy", "serve"),
            EDGE_PORT=edge_port,
            EDGE_METRICS_PORT="0",
            EDGE_WORKERS=f"127.0.0.1:{worker_port}",
        ) as process,
    ):
        await asyncio.to_thread(processes.wait_until, lambda: processes.is_ready(edge), "the edge is ready")
        request = {"prompt": "x", "engine_options": {"tokens": 3, "tokens_per_second": 0}}
        async with asyncio.timeout(30):
            for _ in range(STREAMS):
                check_native(await (await Exchange.post(edge, request)).all_events())
        for service in (process, worker):
            service.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(service.wait, 10) == 0
            assert service.stderr
            assert service.stderr.read().count(b"\n") < STREAMS / 2, "the pipe was not full, which this is about"
