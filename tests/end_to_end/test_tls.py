"""TLS between real processes: who gets in, and who does not."""

import asyncio
import contextlib
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc
from tests.support import processes
from tests.support.certificates import Folder
from tests.support.sse import Reader, check_native

BODY = {"prompt": "Over TLS.", "engine_options": {"tokens": 20, "tokens_per_second": 200}}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Of the authority that everyone trusts."""
    return Folder(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Just as good, but of an authority that nobody knows."""
    return Folder(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="module")
def worker(ours: Folder) -> Iterator[str]:
    with processes.worker(**ours.worker()) as (address, _):
        yield address


@contextlib.contextmanager
def edge(worker: str, **variables: str) -> Iterator[processes.Service]:
    """An edge, whether or not it becomes ready."""
    service = processes.Service("-m", "edge_proxy", "serve", EDGE_WORKERS=worker, EDGE_PORT="0", **variables)
    try:
        yield service
    finally:
        service.stop()


def generate(address: str, ca: Path) -> str:
    """The text of one stream by HTTPS."""
    request = urllib.request.Request(
        f"https://{address}/api/v1/ai/generate", json.dumps(BODY).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca), timeout=10) as response:  # noqa: S310
        return check_native(list(Reader().feed(response.read())))


async def ask(address: str, credentials: grpc.ChannelCredentials | None, name: str = "inference-worker") -> str:
    """The status of a plain call from who shows these."""
    options = (("grpc.ssl_target_name_override", name),) if credentials else ()
    plain = grpc.aio.insecure_channel
    async with grpc.aio.secure_channel(address, credentials, options) if credentials else plain(address) as channel:
        try:
            await rpc.AIAgentServiceStub(channel).ListModels(pb.ListModelsRequest(), timeout=3)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


def shown(folder: Folder, role: str, trusts: Folder) -> grpc.ChannelCredentials:
    cert, key = folder.pair(role)
    return grpc.ssl_channel_credentials(trusts.ca.read_bytes(), key.read_bytes(), cert.read_bytes())


def test_a_stream_comes_by_https_and_mtls(ours: Folder, worker: str) -> None:
    with edge(worker, **ours.https(), **ours.to_workers()) as service:
        address = service.wait_for(r"serves https://(\S+)\n")
        service.wait_for(r"The worker at (\S+) is ")
        assert generate(address, ours.ca)


def test_who_does_not_know_the_authority_is_not_fooled_by_https(ours: Folder, others: Folder, worker: str) -> None:
    with edge(worker, **others.https(), **ours.to_workers()) as service:
        address = service.wait_for(r"serves https://(\S+)\n")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            generate(address, ours.ca)


async def test_a_worker_lets_nobody_in_but_who_shows_a_certificate_of_its_authority(
    ours: Folder, others: Folder, worker: str
) -> None:
    ours.issue("late", ["edge-proxy"], days=-1)
    assert await ask(worker, shown(ours, "edge", ours)) == "OK"
    refused = {
        "plain text": None,
        "no certificate": grpc.ssl_channel_credentials(ours.ca.read_bytes()),
        "of another authority": shown(others, "edge", ours),
        "expired": shown(ours, "late", ours),
    }
    assert {why: await ask(worker, given) for why, given in refused.items()} == dict.fromkeys(refused, "UNAVAILABLE")
    assert await ask(worker, shown(ours, "edge", ours)) == "OK", "and it is none the worse for it"


@pytest.mark.parametrize("why", ["of another authority", "expired", "for another name", "plain text"])
def test_an_edge_connects_to_no_worker_but_one_with_a_right_certificate(why: str, ours: Folder, others: Folder) -> None:
    ours.issue("expired", ["inference-worker"], days=-1)
    ours.issue("misnamed", ["edge-proxy", "localhost", "127.0.0.1"])
    shows: dict[str, dict[str, str]] = {
        "of another authority": others.worker() | {"WORKER_TLS_CA": str(ours.ca)},
        "expired": ours.worker("expired"),
        "for another name": ours.worker("misnamed"),
        "plain text": {},
    }
    with processes.worker(**shows[why]) as (address, _), edge(address, **ours.to_workers()) as service:
        at = service.wait_for(r"serves http://(\S+)\n")
        # Two seconds are twenty attempts; a right one is connected to at once, as the first test shows.
        with pytest.raises(AssertionError, match="is ready"):
            processes.wait_until(lambda: processes.is_ready(at), "is ready", limit_s=2)


def test_a_plain_edge_does_not_get_through_to_a_worker_with_mtls(worker: str) -> None:
    with edge(worker) as service:
        at = service.wait_for(r"serves http://(\S+)\n")
        with pytest.raises(AssertionError, match="is ready"):
            processes.wait_until(lambda: processes.is_ready(at), "is ready", limit_s=2)


def served(address: str) -> bytes:
    """The certificate that is shown there."""
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=5).encode()


def test_https_shows_a_new_certificate_when_the_files_have_changed(tmp_path: Path, ours: Folder, worker: str) -> None:
    mine = Folder(tmp_path)
    cert, key = mine.pair("edge")
    with edge(worker, **mine.https(), **ours.to_workers()) as service:
        address = service.wait_for(r"serves https://(\S+)\n")
        before = served(address)
        key_before = key.read_bytes()
        key.write_bytes(b"half a")  # who replaces files replaces one after the other
        assert served(address) == before
        key.write_bytes(key_before)
        mine.issue("edge", ["edge-proxy", "localhost", "127.0.0.1"])
        os.utime(cert, ns=(0, 0))  # earlier is another time, too
        assert served(address).strip() == cert.read_bytes().strip() != before.strip()
        assert "The certificate was taken anew." in service.output()


async def test_a_worker_shows_a_new_certificate_when_the_files_have_changed(tmp_path: Path) -> None:
    mine = Folder(tmp_path)
    with processes.worker(**mine.worker()) as (address, service):
        known = shown(mine, "edge", mine)
        assert await ask(address, known, "inference-worker") == "OK"
        mine.issue("worker", ["another-name"])
        assert await ask(address, known, "inference-worker") == "UNAVAILABLE"
        assert await ask(address, known, "another-name") == "OK"
        mine.pair("worker")[0].write_text("no certificate")
        assert await ask(address, known, "another-name") == "OK"
        assert "The certificate is not taken anew" in service.output()


async def health(module: str, variables: dict[str, str]) -> tuple[int | None, str]:
    """What the health command of a service says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "health",
        env=processes.clean_environment() | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_the_health_commands_get_in_with_the_settings_of_their_service(ours: Folder, worker: str) -> None:
    _, _, port = worker.rpartition(":")
    assert (await health("inference_worker", {"WORKER_PORT": port, **ours.worker()}))[0] == 0
    assert (await health("inference_worker", {"WORKER_PORT": port}))[0] == 1
    with edge(worker, **ours.https(), **ours.to_workers()) as service:
        at = service.wait_for(r"serves https://\S+:(\d+)\n")
        assert await health("edge_proxy", {"EDGE_PORT": at, **ours.https()}) == (0, "")
        assert (await health("edge_proxy", {"EDGE_PORT": at}))[0] == 1


ANYWHERE = {"EDGE_HOST": "0.0.0.0", "EDGE_ALLOW_ANONYMOUS": "true"}  # noqa: S104
PATHS = ("/docs", "/redoc", "/openapi.json")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, 200), (ANYWHERE, 404), (ANYWHERE | {"EDGE_DOCS": "true"}, 200), ({"EDGE_DOCS": "false"}, 404)],
    ids=["on loopback", "for all", "for all, as told", "on loopback, told not to"],
)
def test_the_pages_about_the_api_are_for_loopback_unless_told_otherwise(
    variables: dict[str, str], expected: int
) -> None:
    with edge("127.0.0.1:9", **variables) as service:
        port = service.wait_for(r"serves http://\S+:(\d+)\n")
        assert {path: status(f"http://127.0.0.1:{port}{path}") for path in PATHS} == dict.fromkeys(PATHS, expected)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - http, and our own
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
