"""Requests that two readers might read differently, or that do not end: refused with 400, each with one answer only."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from edge_proxy.downstream.connection import MAX_HEAD_BYTES
from tests.faults.beside import healthy_stream
from tests.support import processes
from tests.support.http import PATH, Exchange
from tests.support.processes import Service
from tests.support.raw import Raw, in_thread, resident_kib
from tests.support.sse import check_native

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"  # whoever answers this has read two requests
MALFORMED = {
    "two kinds of length": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the same, the other way": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}\n",
    "two lengths that are one": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths in one field": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a length that is huge": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a length with letters": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks, and then another coding": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "another coding, and then chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks from a client of old": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks under a name with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": GET.replace(b"\r\n", b"\n") + b"\n",
    "one bare line feed": GET + b"X: y\n\r\n",
    "a bare carriage return": GET + b"X: y\rZ: z\r\n\r\n",
    "a folded field": GET + b"X: a\r\n b\r\n\r\n",
    "a folded field at first": b"GET /healthz HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n",
    "two Hosts": GET + b"Host: y\r\n\r\n",
    "two Hosts that are one": GET + b"host: x\r\n\r\n",
    "two Hosts in one field": GET.replace(b"Host: x", b"Host: x, y") + b"\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "an empty Host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "another's target": b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
    "a NUL": GET + b"X: a\0b\r\n\r\n",
    "a name with a space": GET + b"X Y: z\r\n\r\n",
    "a field without a name": GET + b": z\r\n\r\n",
    "a field without a colon": GET + b"XYZ\r\n\r\n",
    "a version of HTTP that is none": GET.replace(b"1.1", b"9.9") + b"\r\n",
    "a version without heads": b"GET /healthz\r\n\r\n",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    "a method that is none": GET.replace(b"GET", b"G@T") + b"\r\n",
    "a target in other bytes": GET.replace(b"/healthz", b"/\xff\xfe") + b"\r\n",
    "a chunk's size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk's size that is huge": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a chunk with a line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a head of 60 KiB at once": GET + b"X: " + b"x" * 60_000 + b"\r\n\r\n",
    "the same in small fields": GET + b"X: y\r\n" * 10_000 + b"\r\n",
    "the same in spaces": GET + b"X:" + b" " * 60_000 + b"y\r\n\r\n",
    "a target of 60 KiB": GET.replace(b"/healthz", b"/" + b"x" * 60_000) + b"\r\n",
    "two hundred fields": GET + b"".join(b"X%d: y\r\n" % number for number in range(200)) + b"\r\n",
    "a trailer of 60 KiB": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 60_000 + b"\r\n\r\n",
}


class Target(NamedTuple):
    """An edge's address, and its process."""

    edge: str
    service: Service


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """An edge with the timeouts that it has by default, so that nothing here is answered by them."""
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, service):
        yield Target(edge, service)


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_it_is_refused_at_once_and_nothing_behind_it_is_read(target: Target, data: bytes) -> None:
    with Raw(target.edge) as client:
        client.send(data + SMUGGLED)
        elapsed = await in_thread(client.wait_for_end, 1.0)
        answer, _ = client.read_to_end()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert elapsed < 0.5


async def test_sound_ones_on_one_connection_are_each_answered(target: Target) -> None:
    """Or the tests above would prove nothing."""
    with Raw(
        target.edge, (GET + b"\r\n") * 3 + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    ) as client:
        answer, was_reset = await in_thread(client.read_to_end)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert not was_reset


async def test_a_head_as_long_as_allowed_is_taken(target: Target) -> None:
    head = GET + b"Connection: close\r\nX: "
    head += b"x" * (MAX_HEAD_BYTES - len(head) - 4) + b"\r\n\r\n"
    with Raw(target.edge, head) as client:
        assert (await in_thread(client.read_to_end))[0].startswith(b"HTTP/1.1 200 OK")


async def test_a_stream_is_finished_before_what_is_malformed_behind_it_ends_the_connection(target: Target) -> None:
    body = b'{"prompt":"x","engine_options":{"tokens":25}}'
    with Raw(
        target.edge, POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"GET / HTTP/9.9\r\n\r\n"
    ) as client:
        answer, _ = await in_thread(client.read_to_end)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"isFinal":true' in answer
    assert answer.endswith(b"\r\n0\r\n\r\n")


async def test_a_head_without_end_costs_no_memory(target: Target) -> None:
    def pour() -> int:
        with Raw(target.edge, GET + b"X: ") as client:
            sent = 0
            while client.open and sent < 20_000_000 and client.send(b"x" * 65_536):
                sent += 65_536
            return sent

    before = resident_kib(target.service)
    assert all([await in_thread(pour) < 20_000_000 for _ in range(10)])
    assert resident_kib(target.service) - before < 4096


async def test_a_storm_of_them_harms_no_stream(target: Target) -> None:
    async with healthy_stream(target.edge):
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                clients = [stack.enter_context(Raw(target.edge, data)) for data in MALFORMED.values()]
                for client in clients:
                    await in_thread(client.wait_for_end, 2.0)
        stream = await Exchange.post(target.edge, {"prompt": "y", "engine_options": {"tokens": 10}})
        check_native(await stream.all_events())
    assert "Traceback" not in target.service.output()
