"""A client that leaves, or a response that is ended from outside: whenever it is, everything is let go of."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from edge_proxy.core.errors import Code
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_exchange import Exchange, nothing_is_left_running, start_open
from tests.support.virtual_time import in_virtual_time, now, settle

ROUNDING_S = 1e-6


@in_virtual_time
async def test_a_client_that_leaves_while_the_worker_is_asked_ends_the_asking() -> None:
    exchange = Exchange()
    exchange.upstream.answers.clear()
    client = exchange.start()
    await settle()
    assert exchange.upstream.abandoned == 0
    client.leave()
    await client.response()
    await settle()
    assert exchange.upstream.abandoned == 1
    assert client.sent == []
    assert exchange.done == 1
    assert await nothing_is_left_running()


def leave(exchange: Exchange, client: Client) -> None:
    client.leave()


def fail(exchange: Exchange, client: Client) -> None:
    exchange.stream.fail(Code.SERVER_DRAINING)


def cancel(exchange: Exchange, client: Client) -> None:
    client.task.cancel()


ENDS = [
    pytest.param(end, turns, id=f"{end.__name__} after {turns}")
    for end in (leave, fail, cancel)
    for turns in range(-2, 5)
]


@pytest.mark.parametrize(("end", "turns"), ENDS)
def test_whatever_ends_a_response_as_the_worker_answers_keeps_no_generation(
    end: Callable[[Exchange, Client], None], turns: int
) -> None:
    @in_virtual_time
    async def run() -> None:
        exchange = Exchange()
        exchange.upstream.answers.clear()
        client = exchange.start()
        await settle()
        steps: list[Callable[[], object]] = [exchange.upstream.answers.set, lambda: end(exchange, client)]
        first, second = steps if turns >= 0 else reversed(steps)
        first()
        for _ in range(abs(turns)):
            await asyncio.sleep(0)
        second()
        await asyncio.wait([client.task])
        await settle()
        if not client.task.cancelled():
            client.task.exception()  # seen: a refusal is one of the ways to end
        assert exchange.upstream.abandoned or exchange.upstream.last.left
        assert exchange.done == 1

    run()


@in_virtual_time
async def test_a_client_that_leaves_midstream_frees_the_source() -> None:
    exchange, client, generation = await start_open()
    generation.say("a")
    await settle()
    assert not generation.left
    client.leave()
    await client.response()
    assert generation.left
    assert exchange.done == 1
    assert now() == pytest.approx(0, abs=ROUNDING_S)
    assert await nothing_is_left_running()


@in_virtual_time
async def test_a_client_that_leaves_while_a_send_waits_frees_the_source_at_once() -> None:
    exchange, client, generation = await start_open()
    client.stop_reading()
    generation.say("a")
    await settle()
    client.leave()
    await settle()
    assert generation.left
    assert not client.task.done()
    client.read()
    await client.response()
    assert exchange.done == 1


@in_virtual_time
async def test_a_client_that_leaves_before_it_took_the_headers_frees_the_source() -> None:
    exchange = Exchange()
    client = exchange.start()
    client.stop_reading()
    await settle()
    client.leave()
    await settle()
    assert exchange.upstream.last.left
    client.read()
    await client.response()
    assert exchange.done == 1


@in_virtual_time
async def test_a_send_that_fails_frees_the_source() -> None:
    exchange = Exchange()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await exchange.response()({"type": "http"}, receive, send)
    assert exchange.upstream.last.left
    assert await nothing_is_left_running()


@pytest.mark.parametrize("answered", [True, False], ids=["midstream", "while the worker is asked"])
def test_a_response_that_is_cancelled_lets_go_of_everything(answered: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        exchange = Exchange()
        if not answered:
            exchange.upstream.answers.clear()
        client = exchange.start()
        await settle()
        client.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.response()
        await settle()
        assert exchange.upstream.last.left if answered else exchange.upstream.abandoned
        assert exchange.done == 1
        assert await nothing_is_left_running()

    run()
