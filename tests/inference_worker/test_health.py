import asyncio
import sys

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from inference_worker.health import ask
from tests.support import processes


async def command(**variables: str) -> tuple[int | None, str]:
    """The command's exit code, and what it says."""
    environment = processes.clean_environment() | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inference_worker", "health", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_worker_that_serves_is_healthy() -> None:
    with processes.worker() as (address, _):
        assert await command(WORKER_PORT=address.rpartition(":")[2]) == (0, "")


async def test_one_that_is_not_there_is_not_healthy() -> None:
    port = str(processes.free_port())
    code, said = await command(WORKER_PORT=port, WORKER_HOST="0.0.0.0")  # noqa: S104 - it is asked for by 127.0.0.1
    assert (code, said) == (1, f"inference_worker: 127.0.0.1:{port} does not answer: UNAVAILABLE\n")


async def test_one_that_drains_is_not_healthy() -> None:
    server, servicer = grpc.aio.server(), health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert await asyncio.to_thread(ask, "127.0.0.1", port) == f"127.0.0.1:{port} says NOT_SERVING"
    await server.stop(None)


async def test_a_setting_that_is_wrong_is_said() -> None:
    code, said = await command(WORKER_PORT="http")
    assert code == 2
    assert "WORKER_PORT" in said
