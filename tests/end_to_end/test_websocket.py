"""Many generations on one socket, with real processes and the `websockets` client, and with Node's own."""

import asyncio
import contextlib
import json
import signal
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.end_to_end.conftest import Pair
from tests.support import node, processes
from tests.support.http import Exchange
from tests.support.sse import check_native
from tests.support.web_socket import PATH, Socket
from tests.support.worker_probe import WorkerProbe

LIMIT_S = 0.25
ENDLESS = {"tokens": 1_000_000, "tokens_per_second": 100}
SILENT = {"first_token_delay_ms": 60_000}
FLOOD = {"tokens": 1_000_000, "tokens_per_second": 20_000}


async def close_code(here: Socket) -> int:
    """Read on until the server has closed."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(here.connection.recv(), 10)
    assert here.connection.close_code is not None
    return here.connection.close_code


async def test_several_go_side_by_side_with_the_texts_that_events_have(pair: Pair) -> None:
    requests = {
        f"ref {number}": {"prompt": f"猫 {number}", "seed": number, "engine_options": {"tokens": 40 + number}}
        for number in range(8)
    }
    order: list[str] = []
    async with Socket.open(pair.edge) as here:
        seen = {ref: await here.generate(ref, **request) for ref, request in requests.items()}
        while not all(one.ended for one in seen.values()):
            order.append((await here.read())["ref"])
    assert order.index("ref 7") < len(order) - order[::-1].index("ref 0"), "one after the other"
    for ref, request in requests.items():
        events = await (await Exchange.post(pair.edge, request)).all_events()
        assert seen[ref].text == check_native(events)
        assert seen[ref].last["usage"] == events[-1].json["usage"]
        assert [frame["type"] for frame in seen[ref].frames][:2] == ["opened", "message"]


async def test_the_bundled_models_text_is_the_same_too(real_pair: Pair) -> None:
    request = {"prompt": "Tell me a story about an owl.", "seed": 5, "temperature": 0, "max_tokens": 40}
    async with Socket.open(real_pair.edge) as here:
        both = [await here.generate("a", **request), await here.generate("b", **request)]
        await here.read_to_end(*both)
    expected = check_native(await (await Exchange.post(real_pair.edge, request)).all_events())
    assert [one.text for one in both] == [expected, expected]


async def test_a_ref_can_be_used_again_and_is_optional(pair: Pair) -> None:
    async with Socket.open(pair.edge) as here:
        for _ in range(3):
            await here.say(type="generate", prompt="x", engine_options={"tokens": 3, "tokens_per_second": 0})
            while not (frame := await here.read()).get("isFinal"):
                assert "ref" not in frame


async def test_cancel_frees_the_worker_and_no_other_generation(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        first = await here.generate("a", engine_options=ENDLESS)
        second = await here.generate("b", engine_options=SILENT)
        other = await here.generate("c", engine_options={"tokens": 100})
        await here.read_until(first, other)
        await probe.wait_for_running(3, limit_s=5)
        await here.say(type="cancel", ref="a")
        await here.say(type="cancel", ref="b")
        await probe.wait_for_running(1, limit_s=LIMIT_S)
        await here.read_to_end(first, second, other)
        assert [first.last["code"], second.last["code"]] == ["CANCELLED", "CANCELLED"]
        assert first.last["details"] == {"retryable": False, "partialTokens": first.index}
        assert other.last["usage"]["completionTokens"] == 100


async def test_cancel_frees_also_what_the_worker_would_keep(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        seen = await here.generate("a", resumable=True, engine_options=ENDLESS)
        await here.read_until(seen)
        await here.say(type="cancel", ref="a")
        await here.read_to_end(seen)
        await probe.wait_for_running(0, limit_s=LIMIT_S)


async def close(here: Socket) -> None:
    await here.connection.close()


async def abort(here: Socket) -> None:
    here.connection.transport.abort()


async def reset(here: Socket) -> None:
    raw = here.connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    here.connection.transport.abort()


async def end_of_file(here: Socket) -> None:
    here.connection.transport.write_eof()


@pytest.mark.parametrize("way", [close, abort, reset, end_of_file], ids=lambda way: way.__name__)
async def test_leaving_frees_all(pair: Pair, way: Callable[[Socket], Awaitable[None]]) -> None:
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        running = [await here.generate(f"{number}", engine_options=ENDLESS) for number in range(3)]
        await here.generate("silent", engine_options=SILENT)
        await here.read_until(*running)
        await probe.wait_for_running(4, limit_s=5)
        await way(here)
        await probe.wait_for_running(0, limit_s=LIMIT_S)


@pytest.mark.parametrize("way", [close, abort], ids=lambda way: way.__name__)
async def test_leaving_before_any_text_frees_all(pair: Pair, way: Callable[[Socket], Awaitable[None]]) -> None:
    """There is no send that could fail."""
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        for number in range(3):
            await here.generate(f"{number}", engine_options=SILENT)
        await probe.wait_for_running(3, limit_s=5)
        await way(here)
        await probe.wait_for_running(0, limit_s=LIMIT_S)


async def test_leaving_without_having_read_frees_all(pair: Pair) -> None:
    """The edge's sends wait: both sockets' buffers are full."""
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge, max_queue=1) as here:
        for number in range(4):
            await here.generate(f"{number}", engine_options=FLOOD)
        await probe.wait_for_running(4, limit_s=5)
        here.connection.transport.pause_reading()
        await asyncio.sleep(1.5)  # time for more text than loopback's buffers take
        here.connection.transport.abort()
        await probe.wait_for_running(0, limit_s=LIMIT_S)


async def test_a_slow_reader_pauses_its_own_streams_and_loses_nothing(pair: Pair) -> None:
    options = {"tokens": 60_000, "tokens_per_second": 0}
    async with Socket.open(pair.edge, max_queue=1) as slow, Socket.open(pair.edge) as healthy:
        unread = [await slow.generate(ref, prompt=ref, engine_options=options) for ref in "abcd"]
        slow.connection.transport.pause_reading()
        steady = await healthy.generate("h", engine_options={"tokens": 100, "tokens_per_second": 100})
        instants = []
        while not steady.ended:
            await healthy.read()
            instants.append(asyncio.get_running_loop().time())
        assert len(instants) > 4  # 20 on an idle machine
        assert instants[-1] - instants[0] < 5  # it takes one second on an idle machine
        slow.connection.transport.resume_reading()
        await slow.read_to_end(*unread)
    for one in unread:
        assert one.last["usage"]["completionTokens"] == 60_000
    whole = {"prompt": "a", "engine_options": options}
    assert unread[0].text == check_native(await (await Exchange.post(pair.edge, whole)).all_events())


async def test_wrong_frames_are_answered_and_a_generation_goes_on(pair: Pair) -> None:
    async with Socket.open(pair.edge) as here:
        going = await here.generate("good", engine_options={"tokens": 50})
        bad = await here.generate("bad", max_tokens=0)
        refused = await here.generate("refused", engine_options={"speed": 1})
        await here.connection.send("{")
        await here.connection.send(b"\0")
        await here.say(type="sing")
        await here.say(type="resume", lastEventId="w1-5c0f.3")
        unnamed: list[dict[str, object]] = []
        while len(unnamed) < 4 or not going.ended or not refused.ended:
            frame = await here.read()
            unnamed += [] if "ref" in frame else [frame]
    assert (bad.last["code"], bad.last["field"]) == ("INVALID_REQUEST", "max_tokens")
    assert (refused.last["code"], refused.last["field"]) == ("INVALID_REQUEST", "engine_options.speed")
    assert [frame["code"] for frame in unnamed] == ["INVALID_REQUEST"] * 3 + ["NOT_FOUND"]
    assert going.last["usage"]["completionTokens"] == 50


async def test_an_oversized_frame_closes_and_frees(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        await here.read_until(await here.generate("a", engine_options=ENDLESS))
        await here.say(type="generate", ref="b", prompt="x" * 1_048_576)
        await probe.wait_for_running(0, limit_s=3)  # a MiB must be read first
        assert await close_code(here) == 1009


async def test_a_flood_closes_and_frees(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe, Socket.open(pair.edge) as here:
        await here.read_until(await here.generate("a", engine_options=ENDLESS))
        begin, answers = asyncio.get_running_loop().time(), 0
        with contextlib.suppress(ConnectionClosed):
            while answers < 1000:  # each is read, so that only their number is too much
                await here.say(type="cancel")
                answers += (await here.read()).get("code") == "NOT_FOUND"
        await probe.wait_for_running(0, limit_s=LIMIT_S)
        assert await close_code(here) == 1008
        assert answers <= 100 + 20 * (asyncio.get_running_loop().time() - begin)


async def test_a_page_of_another_origin_is_refused(pair: Pair) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with Socket.open(pair.edge, origin="https://evil.example"):
            pass
    response = caught.value.response
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body)["code"] == "PERMISSION_DENIED"
    async with Socket.open(pair.edge, origin=f"http://{pair.edge}") as here:
        await here.read_to_end(await here.generate("a", engine_options={"tokens": 3}))


async def test_pings_and_the_limit_come_from_the_settings() -> None:
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, EDGE_PING_INTERVAL_S="0.2", EDGE_MAX_SOCKET_STREAMS="2") as (edge, _),
    ):
        async with Socket.open(edge) as here:
            clock = asyncio.get_running_loop()
            begin = clock.time()
            waiting = await here.generate("a", engine_options=SILENT)
            flowing = await here.generate("b", engine_options={"tokens": 100, "tokens_per_second": 100})
            refused = await here.generate("c")
            await here.read_to_end(flowing)
            assert refused.last["code"] == "OVERLOADED"
            for one in (waiting, flowing):
                assert 3 <= sum(frame["type"] == "ping" for frame in one.frames) <= (clock.time() - begin) / 0.2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_an_edge_that_stops_says_so_in_every_generation_and_closes_every_socket(number: signal.Signals) -> None:
    no_drain = {"EDGE_DRAIN_TIMEOUT_S": "0"}  # so that both signals are one
    with processes.worker() as (worker, _), processes.edge(worker, **no_drain) as (edge, edge_process):
        async with (
            WorkerProbe(worker) as probe,
            Socket.open(edge) as busy,
            Socket.open(edge) as idle,
            Socket.open(edge, max_queue=1) as stuck,
        ):
            running = [await busy.generate(ref, engine_options=ENDLESS) for ref in "abc"]
            await busy.read_until(*running)
            running.append(await busy.generate("silent", engine_options=SILENT))
            for ref in "abcd":
                await stuck.generate(ref, engine_options=FLOOD)
            await probe.wait_for_running(8, limit_s=5)
            stuck.connection.transport.pause_reading()
            await asyncio.sleep(1.5)  # time for more text than loopback's buffers take
            edge_process.send(number)
            await busy.read_to_end(*running)
            assert [one.last["code"] for one in running] == ["SERVER_DRAINING"] * 4
            assert [await close_code(busy), await close_code(idle)] == [1001, 1001]
            await probe.wait_for_running(0, limit_s=3)
            assert await asyncio.to_thread(edge_process.process.wait, 4) == 0
            stuck.connection.transport.abort()
        assert "Traceback" not in edge_process.output()


async def test_idle_sockets_do_not_hold_up_a_stop() -> None:
    with processes.worker() as (worker, _), processes.edge(worker) as (edge, edge_process):
        async with Socket.open(edge) as one, Socket.open(edge) as other:
            begin = asyncio.get_running_loop().time()
            edge_process.send(signal.SIGTERM)
            assert [await close_code(one), await close_code(other)] == [1001, 1001]
            assert await asyncio.to_thread(edge_process.process.wait, 4) == 0
            assert asyncio.get_running_loop().time() - begin < 1.5  # less than EDGE_STOP_TIMEOUT_S


async def test_a_page_in_javascript_reads_two(pair: Pair) -> None:
    frames = [
        {"type": "generate", "ref": "a", "prompt": "a 猫", "seed": 7, "engine_options": {"tokens": 30}},
        {"type": "generate", "ref": "b", "prompt": "x", "max_tokens": 0},
    ]
    seen = await node.run("web_socket.mjs", f"ws://{pair.edge}{PATH}", *(json.dumps(frame) for frame in frames))
    expected = await (
        await Exchange.post(pair.edge, {k: v for k, v in frames[0].items() if k not in ("type", "ref")})
    ).all_events()
    assert seen["refs"]["a"]["text"] == check_native(expected)
    assert seen["refs"]["a"]["types"][0] == "opened"
    assert seen["refs"]["a"]["last"]["finishReason"] == "stop"
    assert seen["refs"]["b"]["last"]["field"] == "max_tokens"
    assert seen["close"] == {"code": 1000, "clean": True}
