import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from edge_proxy.departure import Patience
from edge_proxy.downstream.connection import MAX_HEAD_BYTES
from edge_proxy.server import Server, bind, serve
from edge_proxy.settings import Settings
from tests.edge_proxy.upstream.readers import eventually

NOWHERE = ["127.0.0.1:9"]


async def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to what is sent on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        return head, await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]).encode()


@contextlib.asynccontextmanager
async def serving(caplog: pytest.LogCaptureFixture) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    """An edge without a worker: its port and its task."""
    caplog.set_level(logging.INFO)
    task = asyncio.create_task(serve(Settings(port=0, workers=NOWHERE)))
    await eventually(lambda: "Edge serves" in caplog.text and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
    match = re.search(r"Edge serves http://127\.0\.0\.1:(\d+)", caplog.text)
    assert match
    try:
        yield int(match[1]), task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await task


async def test_it_answers_until_a_signal_and_leaves_no_handler_behind(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog) as (port, task):
        head, body = await ask(port, get("/readyz"))
        assert head.startswith(b"HTTP/1.1 503")
        assert json.loads(body) == {"status": "no worker", "workers": 0}
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 10)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "Edge has stopped." in caplog.text


async def test_it_says_nothing_of_what_it_is_made_of_or_of_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog) as (port, _):
        head, _ = await ask(port, get("/api/v1/ai/generate?prompt=a-secret"))
        assert head.startswith(b"HTTP/1.1 503")
        assert b"server:" not in head.lower()
        assert "a-secret" not in caplog.text


async def test_a_head_that_does_not_end_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(caplog) as (port, _):
        head, _ = await ask(port, get("/healthz", "X-Long: " + "x" * MAX_HEAD_BYTES).removesuffix(b"\r\n\r\n"))
        assert re.match(rb"HTTP/1\.1 4\d\d", head)
        head, _ = await ask(port, get("/healthz", "X-Long: " + "x" * (MAX_HEAD_BYTES // 2)))
        assert head.startswith(b"HTTP/1.1 200")


class Endless:
    """An app whose responses do not end by themselves; a `Departing` that notes what it is told."""

    def __init__(self) -> None:
        self.streams = 0
        self.told: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.streams += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.streams -= 1

    def settle(self) -> None:
        self.told.append("settle")

    def drain(self) -> None:
        self.told.append("drain")

    def end(self) -> None:
        self.told.append("end")


@contextlib.asynccontextmanager
async def endless(*, stop_timeout_s: int) -> AsyncIterator[tuple[Endless, Server, asyncio.Task[None], int]]:
    """A server with one response that does not end, its task, and its port."""
    app = Endless()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=stop_timeout_s
    )
    server = Server(config, app, Patience(settle_s=0, drain_s=60))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get("/"))
    await eventually(lambda: app.streams)
    try:
        yield app, server, task, port
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_sigterm_lets_streams_go_on_and_the_next_ends_them(caplog: pytest.LogCaptureFixture) -> None:
    async with endless(stop_timeout_s=1) as (app, server, task, port):
        os.kill(os.getpid(), signal.SIGTERM)
        await eventually(lambda: app.told == ["settle", "drain"])
        (await asyncio.open_connection("127.0.0.1", port))[1].close()  # it still listens
        assert not server.should_exit
        os.kill(os.getpid(), signal.SIGTERM)
        await eventually(lambda: server.should_exit)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 10)
    assert app.told == ["settle", "drain", "end"]
    assert app.streams == 0, "it was cut off, and so could leave"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_sigint_ends_streams_at_once_and_the_second_waits_for_nobody() -> None:
    async with endless(stop_timeout_s=60) as (app, _, task, _):
        os.kill(os.getpid(), signal.SIGINT)
        await eventually(lambda: app.told == ["end"])
        os.kill(os.getpid(), signal.SIGTERM)  # a parent sends both, and they may change places
        await asyncio.sleep(0.5)
        assert not task.done()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(task, 10)
    assert app.told == ["end"]


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_bind_listens_on_an_address_of_either_family(host: str, family: socket.AddressFamily) -> None:
    with bind(host, 0) as listener:
        assert listener.family == family
        assert listener.getsockname()[1] > 0
        assert not listener.getblocking()
        socket.create_connection(listener.getsockname()[:2]).close()


def test_bind_says_when_the_address_is_taken() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])


async def test_serve_says_when_the_address_is_taken() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        await serve(Settings(port=taken.getsockname()[1]))
