"""The guards of a WebSocket connection, each on a real server and a plain socket; the frames are made here."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.protocol import State

from edge_proxy.downstream import websocket_connection
from edge_proxy.downstream.connection import Connection
from edge_proxy.downstream.websocket_connection import MAX_PIECES, SocketConnection
from tests.edge_proxy.upstream.readers import eventually
from tests.support.virtual_time import settle

TEXT, CONTINUATION, PING, CLOSE, PONG = 1, 0, 9, 8, 10
FIN = 0x80
HEAD = (
    "GET /ws?secret HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def frame(opcode: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """A client's frame: RFC 6455, section 5.2. Its mask is all zeros, which leaves the data as it is."""
    assert len(data) < 126
    return bytes([opcode | (FIN if last else 0), 0x80 | len(data)]) + b"\0\0\0\0" + data


class App:
    """Accepts, notes what comes, and sends what it is told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.errors: list[BaseException] = []
        self.to_send = asyncio.Queue[Message]()
        self.sent = 0
        self.refuses = False

    @property
    def left(self) -> bool:
        """It has been told that the client is gone."""
        return bool(self.messages) and self.messages[-1]["type"] == "websocket.disconnect"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"over HTTP"})
            return
        if self.refuses:
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept"})
        sending = asyncio.create_task(self._send(send))
        while not self.left and {"type": "websocket.receive", "text": "return"} not in self.messages:
            self.messages.append(await receive())
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        try:
            while True:
                await send(await self.to_send.get())
                self.sent += 1
        except Exception as error:
            self.errors.append(error)


class Client:
    """A plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> bytes:
        """The status line."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).partition(b"\r\n")[0]

    async def close_code(self) -> int:
        """The code of the close frame that comes next, of those without pongs."""
        while True:
            opcode, size = await asyncio.wait_for(self.reader.readexactly(2), 5)
            data = await self.reader.readexactly(size)
            if opcode == FIN | CLOSE:
                return int(struct.unpack("!H", data[:2])[0])

    async def ended(self) -> bool:
        """Nothing more comes."""
        with contextlib.suppress(ConnectionError):
            while await asyncio.wait_for(self.reader.read(1 << 16), 5):
                pass
        return True


class Site:
    """A server, and the app that it serves."""

    def __init__(self, app: App, server: uvicorn.Server, address: tuple[str, int]) -> None:
        self.app = app
        self.server = server
        self.address = address

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self.server.server_state.connections)

    async def connect(self, head: str = HEAD, *, small: bool = False) -> Client:
        """A client that has sent a head; with `small`, one that can hold little that it does not read."""
        raw = socket.socket()
        if small:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, self.address)
        reader, writer = await asyncio.open_connection(sock=raw, limit=4096 if small else 1 << 16)
        writer.write((head + "\r\n").encode("latin-1"))
        return Client(reader, writer)

    async def stuffed(self) -> Client:
        """A client that does not read, to whom a send waits."""
        client = await self.connect(small=True)
        assert (await client.answer()).startswith(b"HTTP/1.1 101")
        for _ in range(200):
            self.app.to_send.put_nowait({"type": "websocket.send", "text": "x" * 65536})
        seen = -1
        while seen != self.app.sent:
            seen = self.app.sent
            await asyncio.sleep(0.05)
        assert seen < 200
        return client


@contextlib.asynccontextmanager
async def site(**settings: object) -> AsyncIterator[Site]:
    """A server on a free port."""
    app = App()
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config(
        app,
        http=Connection,
        ws=SocketConnection,
        lifespan="off",
        log_config=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
        **settings,  # type: ignore[arg-type]  # each of its own
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # they are not ours here
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    try:
        yield Site(app, server, listener.getsockname())
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


async def test_messages_go_both_ways_and_queries_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with site() as here:
        client = await here.connect()
        assert (await client.answer()).startswith(b"HTTP/1.1 101")
        client.writer.write(frame(TEXT, b"hel", last=False) + frame(CONTINUATION, b"lo") + frame(PING, b"?"))
        here.app.to_send.put_nowait({"type": "websocket.send", "text": "hi"})
        await eventually(lambda: {"type": "websocket.receive", "text": "hello"} in here.app.messages)
        assert sorted([await client.reader.readexactly(4), await client.reader.readexactly(3)]) == sorted(
            [b"\x81\x02hi", b"\x8a\x01?"]
        )
        client.writer.write(frame(CLOSE, struct.pack("!H", 1000)))
        assert await client.close_code() == 1000
        assert await client.ended()
        client.writer.close()
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param("X: " + "x" * 9000 + "\r\n", b"431", id="a long field"),
        pytest.param("".join(f"X{number}: y\r\n" for number in range(130)), b"400", id="many fields"),
        pytest.param("X: \xff\xfe\r\n", b"101", id="a field of other bytes"),
    ],
)
async def test_a_head_is_always_answered(more: str, status: bytes) -> None:
    async with site() as here:
        client = await here.connect(HEAD + more)
        assert (await client.answer()).split()[1] == status
        client.writer.close()
        await eventually(lambda: here.connections == 0)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(HEAD.replace("websocket", "WebSocket"), b"101", id="in other letters"),
        pytest.param(HEAD.replace("GET", "POST") + "Content-Length: 0\r\n", b"200", id="not GET"),
        pytest.param(HEAD.replace("HTTP/1.1", "HTTP/1.0"), b"200", id="of old"),
        pytest.param(HEAD.replace("Upgrade: websocket", "Upgrade: h2c"), b"200", id="to HTTP/2"),
        pytest.param(HEAD.replace("Upgrade: websocket", "Upgrade: nonsense"), b"200", id="to nothing that there is"),
        pytest.param(HEAD.replace("Connection: Upgrade\r\n", ""), b"200", id="not for this connection"),
        pytest.param(HEAD.replace("Version: 13", "Version: 12"), b"400", id="another version"),
        pytest.param(HEAD.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), b"400", id="a key that is none"),
    ],
)
async def test_an_upgrade_is_carried_out_ignored_or_refused(head: str, status: bytes) -> None:
    async with site() as here:
        client = await here.connect(head)
        assert (await client.answer()).split()[1] == status
        client.writer.close()
        await eventually(lambda: here.connections == 0)


PLAIN = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_an_upgrade_does_not_take_a_connection_from_under_a_response() -> None:
    async with site() as here:
        client = await here.connect(PLAIN + HEAD)
        both = b""
        while both.count(b"over HTTP") < 2:
            both += await asyncio.wait_for(client.reader.read(1000), 5)
        assert both.count(b"HTTP/1.1 200") == 2
        client.writer.close()


async def test_an_upgrade_may_follow_a_response_that_is_complete() -> None:
    async with site() as here:
        client = await here.connect(PLAIN.removesuffix("\r\n"))
        assert (await client.reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        client.writer.write((HEAD + "\r\n").encode())
        assert (await client.answer()).startswith(b"HTTP/1.1 101")
        client.writer.close()


async def test_a_refusal_is_a_response_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with site() as here:
        here.app.refuses = True
        client = await here.connect()
        assert (await client.answer()).startswith(b"HTTP/1.1 403")
        assert await client.ended()
        client.writer.close()
    assert caplog.text == ""


async def test_a_send_waits_for_who_does_not_read_and_the_leaving_is_noticed_all_the_same() -> None:
    async with site() as here:
        client = await here.stuffed()
        client.writer.transport.abort()
        await eventually(lambda: here.app.left)
        await eventually(lambda: here.connections == 0)


async def test_what_is_not_taken_after_the_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_connection, "FLUSH_S", 0.2)
    async with site() as here:
        client = await here.stuffed()
        client.writer.write(frame(TEXT, b"return"))
        await eventually(lambda: here.connections == 0)
        client.writer.close()


async def test_who_ends_its_side_is_gone_even_if_it_does_not_read() -> None:
    async with site() as here:
        client = await here.stuffed()
        client.writer.write_eof()
        await eventually(lambda: here.app.left)
        client.writer.close()


async def test_who_answers_no_ping_is_gone_even_if_text_for_it_waits() -> None:
    async with site(ws_ping_interval=0.1, ws_ping_timeout=0.1) as here:
        client = await here.stuffed()
        await eventually(lambda: here.app.left)
        assert here.connections == 0
        client.writer.close()


async def test_pongs_do_not_pile_up() -> None:
    async with site() as here:
        client = await here.stuffed()
        [connection] = here.server.server_state.connections
        assert isinstance(connection, SocketConnection)
        before = connection.transport.get_write_buffer_size()
        client.writer.write(frame(PING, b"x" * 100) * 1000 + frame(TEXT, b"after"))
        await eventually(lambda: {"type": "websocket.receive", "text": "after"} in here.app.messages)
        assert connection.transport.get_write_buffer_size() <= before
        client.writer.close()


async def test_a_message_of_endless_pieces_is_cut() -> None:
    async with site() as here:
        client = await here.connect()
        await client.answer()
        client.writer.write(frame(TEXT, last=False) + frame(CONTINUATION, last=False) * (MAX_PIECES - 2))
        client.writer.write(
            frame(CONTINUATION) + frame(TEXT, last=False) + frame(CONTINUATION, last=False) * MAX_PIECES
        )
        assert await client.close_code() == 1008
        await eventually(lambda: here.app.left)
        assert here.app.messages[-2] == {"type": "websocket.receive", "text": ""}
        client.writer.close()


@pytest.mark.parametrize("pieces", [1, 3], ids=["one", "several"])
async def test_a_message_that_is_too_large_closes_with_1009(pieces: int) -> None:
    async with site(ws_max_size=200) as here:
        client = await here.connect()
        await client.answer()
        client.writer.write(frame(TEXT, b"x" * 100, last=False) + frame(CONTINUATION, b"x" * 99))
        if pieces == 1:
            client.writer.write(bytes([FIN | TEXT, 0x80 | 126]) + struct.pack("!H", 201) + b"\0\0\0\0" + b"x" * 201)
        else:
            client.writer.write(frame(TEXT, b"x" * 100, last=False) + frame(CONTINUATION, b"x" * 101))
        assert await client.close_code() == 1009
        await eventually(lambda: here.app.left)
        assert here.app.messages[-2]["text"] == "x" * 199
        client.writer.close()


async def test_a_send_after_the_end_is_an_os_error_whoever_ended_it() -> None:
    async with site(ws_max_size=100) as here:
        client = await here.connect()
        await client.answer()
        await eventually(lambda: here.connections == 1)
        [connection] = here.server.server_state.connections
        assert isinstance(connection, SocketConnection)
        connection.data_received(frame(TEXT, b"x" * 101))
        with pytest.raises(OSError):  # noqa: PT011 - ASGI says no more of it
            await connection.send({"type": "websocket.send", "text": "late"})
        client.writer.close()


async def test_an_open_socket_is_the_apps_to_close_when_the_server_stops() -> None:
    async with site() as here:
        client = await here.connect()
        await client.answer()
        here.server.should_exit = True
        await eventually(lambda: not here.server.servers[0].is_serving())
        here.app.to_send.put_nowait({"type": "websocket.send", "text": "bye"})
        here.app.to_send.put_nowait({"type": "websocket.close", "code": 1001})
        assert await client.reader.readexactly(5) == b"\x81\x03bye"
        assert await client.close_code() == 1001
        client.writer.write(frame(CLOSE, struct.pack("!H", 1001)))
        assert await client.ended()
        client.writer.close()


async def test_an_app_that_fails_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with site() as here:
        here.app.messages = None  # type: ignore[assignment]  # the bug
        client = await here.connect()
        await client.answer()
        assert await client.ended()
        client.writer.close()
    assert "TypeError" in caplog.text or "AttributeError" in caplog.text


class FullTransport(asyncio.Transport):
    """Takes one write, and is full."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def write(self, data: bytes) -> None:  # type: ignore[override]  # of all that can be written, this comes
        self.written += data
        self.connection.pause_writing()

    connection: SocketConnection


async def test_of_those_who_wait_for_a_slow_client_each_waits_for_the_one_before() -> None:
    """Or each of a socket's generations would put a message down whenever the client takes any."""
    config = Config(lambda: None, log_config=None)
    config.load()
    connection, transport = SocketConnection(config, ServerState(), {}), FullTransport()
    transport.connection = connection
    connection.connection_made(transport)
    connection.conn.state, connection.handshake_complete = State.OPEN, True
    connection.pause_writing()
    sending = [asyncio.create_task(connection.send({"type": "websocket.send", "text": text})) for text in "abc"]
    for written in (b"\x81\x01a", b"\x81\x01a\x81\x01b", b"\x81\x01a\x81\x01b\x81\x01c"):
        await settle()
        connection.resume_writing()
        await settle()
        assert transport.written == written
    await asyncio.gather(*sending)
    connection.connection_lost(OSError())
