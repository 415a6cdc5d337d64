"""One socket: its frames, and what becomes of its generations."""

import logging

import pytest

from edge_proxy.core.caller import Caller
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.stream import PAUSE_CHARS
from edge_proxy.downstream.websocket import BURST_FRAMES, LAST_PATIENCE_S, MAX_UNSENT
from tests.edge_proxy.downstream.played_exchange import nothing_is_left_running
from tests.edge_proxy.downstream.played_socket import open_socket
from tests.edge_proxy.downstream.played_upstream import LOST
from tests.support.virtual_time import in_virtual_time, now, settle, until


@in_virtual_time
async def test_a_generation_is_the_lines_of_its_stream() -> None:
    here = await open_socket()
    await here.generate()
    here.upstream.last.say("Hello")
    await settle()
    here.upstream.last.say(" world")
    here.upstream.last.end()
    await settle()
    assert here.client.accepted
    assert here.client.frames == [
        {"type": "opened", "generationId": "w1-1"},
        {"type": "message", "id": "w1-1.1", "delta": "Hello", "isFinal": False},
        {
            "type": "message",
            "id": "w1-1.3",
            "delta": " world",
            "isFinal": True,
            "finishReason": "stop",
            "usage": {"promptTokens": 3, "completionTokens": 5},
        },
    ]
    await here.client.leave()
    assert here.client.close_code is None
    assert here.admission.streams == 0
    assert await nothing_is_left_running()


@in_virtual_time
async def test_several_go_side_by_side_each_with_its_ref() -> None:
    here = await open_socket()
    for ref in ("a", "b", ""):
        await here.generate(ref)
    for generation in here.upstream.generations:
        generation.say(generation.id)
    await settle()
    here.upstream.generations[1].end(LOST)
    here.upstream.generations[0].end()
    await settle()
    assert [(f.get("ref"), f.get("delta"), f.get("code")) for f in here.client.frames if f["type"] != "opened"] == [
        ("a", "w1-1", None),
        ("b", "w1-2", None),
        (None, "w1-3", None),
        ("b", None, "WORKER_LOST"),
        ("a", "", None),
    ]
    assert here.admission.streams == 1


@in_virtual_time
async def test_text_is_paced_and_pings_come() -> None:
    here = await open_socket()
    await here.generate("a", batch_interval_ms=100)
    for _ in range(40):
        here.upstream.last.say("x")
        await until(now() + 0.01)
    deltas = [frame["delta"] for frame in here.client.frames if frame["type"] == "message"]
    assert 4 <= len(deltas) <= 6
    await until(15.1)
    assert [frame["ref"] for frame in here.client.frames if frame["type"] == "ping"] == ["a"]


@in_virtual_time
async def test_the_workers_refusal_is_an_error_without_an_id() -> None:
    here = await open_socket()
    here.upstream.refusal = Refused(Failure(Code.INVALID_REQUEST, "Too hot.", "temperature"))
    await here.generate("a")
    [frame] = here.client.frames
    assert (frame["ref"], frame["code"], frame["field"], frame["error"]) == (
        "a",
        "INVALID_REQUEST",
        "temperature",
        "Too hot.",
    )
    assert "id" not in frame
    assert here.admission.streams == 0
    here.upstream.refusal = None
    await here.generate("a")
    assert here.client.frames[-1]["type"] == "opened"


@in_virtual_time
async def test_an_admission_that_refuses_is_an_error_too() -> None:
    here = await open_socket()
    await here.generate("a", timeout_s=601)
    here.admission.draining = True
    await here.generate("b")
    assert [(f["ref"], f["code"], f.get("field")) for f in here.client.frames] == [
        ("a", "INVALID_REQUEST", "timeout_s"),
        ("b", "SERVER_DRAINING", None),
    ]
    assert here.upstream.generations == []


@in_virtual_time
async def test_a_ref_in_use_is_refused_and_its_generation_goes_on() -> None:
    here = await open_socket()
    await here.generate("a")
    await here.generate("a")
    assert (here.client.codes, here.client.frames[-1]["field"]) == (["CONFLICT"], "ref")
    assert len(here.upstream.generations) == 1
    here.upstream.last.end()
    await settle()
    assert here.client.frames[-1]["isFinal"]
    await here.generate("a")
    assert here.client.frames[-1] == {"ref": "a", "type": "opened", "generationId": "w1-2"}


@in_virtual_time
async def test_one_more_than_a_socket_may_have_is_refused() -> None:
    here = await open_socket(max_streams=3)
    for number in range(4):
        await here.generate(f"{number}")
    assert here.client.codes == ["OVERLOADED"]
    assert here.client.frames[-1]["ref"] == "3"
    here.upstream.generations[0].end()
    await settle()
    await here.generate("3")
    assert here.client.frames[-1]["type"] == "opened"


@in_virtual_time
async def test_cancel_ends_one_with_an_error_and_no_other() -> None:
    here = await open_socket()
    await here.generate("a")
    await here.generate("b")
    first, second = here.upstream.generations
    first.say("text")
    await settle()
    first.say(" held")
    await here.client.say(type="cancel", ref="a")
    first.say(" late")
    await settle()
    assert [f["delta"] for f in here.client.frames if f.get("ref") == "a" and "delta" in f] == ["text", " held"]
    assert here.client.frames[-1] == {
        "ref": "a",
        "type": "error",
        "id": "w1-1.2",
        "error": "The generation was stopped.",
        "code": "CANCELLED",
        "details": {"retryable": False, "partialTokens": 2},
    }
    assert (first.left, second.left) == (True, False)
    assert here.upstream.cancelled == []


@in_virtual_time
async def test_cancel_while_the_worker_is_asked_abandons_that() -> None:
    here = await open_socket()
    here.upstream.answers.clear()
    await here.generate("a")
    await here.client.say(type="cancel", ref="a")
    assert here.client.codes == ["CANCELLED"]
    assert (here.upstream.abandoned, here.admission.streams) == (1, 0)


@in_virtual_time
async def test_cancel_of_what_a_worker_would_keep_stops_it_there() -> None:
    here = await open_socket()
    await here.generate("a", resumable=True)
    await here.client.say(type="cancel", ref="a")
    assert here.client.codes == ["CANCELLED"]
    assert here.upstream.cancelled == ["w1-1"]


@in_virtual_time
async def test_cancel_of_nothing_says_so() -> None:
    here = await open_socket()
    await here.client.say(type="cancel", ref="a")
    assert [(f["ref"], f["code"], f["field"]) for f in here.client.frames] == [("a", "NOT_FOUND", "ref")]


@in_virtual_time
async def test_resume_goes_on_with_a_generation_under_a_ref() -> None:
    here = await open_socket()
    await here.client.say(type="resume", ref="a", lastEventId="w9-1.3")
    here.upstream.last.say("more")
    await settle()
    assert here.client.frames == [
        {"type": "opened", "generationId": "w9-1", "ref": "a"},
        {"type": "message", "id": "w9-1.4", "delta": "more", "isFinal": False, "ref": "a"},
    ]


@in_virtual_time
async def test_resume_of_what_is_no_event_is_refused() -> None:
    here = await open_socket()
    await here.client.say(type="resume", ref="a", lastEventId="3")
    assert [(f["ref"], f["code"]) for f in here.client.frames] == [("a", "INVALID_REQUEST")]


@in_virtual_time
async def test_wrong_frames_are_answered_and_nothing_else_suffers() -> None:
    here = await open_socket()
    await here.generate("a")
    await here.client.say_text("{")
    await here.client.say_bytes(b"{}")
    await here.client.say(type="nonsense", ref="b")
    assert [(f.get("ref"), f["code"]) for f in here.client.frames[1:]] == [
        (None, "INVALID_REQUEST"),
        (None, "INVALID_REQUEST"),
        ("b", "INVALID_REQUEST"),
    ]
    here.upstream.last.end()
    await settle()
    assert here.client.frames[-1]["isFinal"]
    assert not here.client.task.done()


@in_virtual_time
async def test_leaving_leaves_all_also_those_that_the_worker_is_asked_for_and_those_that_wait_to_send() -> None:
    here = await open_socket()
    await here.generate("a")
    here.client.stop_reading()
    here.upstream.last.say("unread")
    here.upstream.answers.clear()
    await here.generate("b")
    await here.client.leave()
    assert here.upstream.generations[0].left
    assert here.upstream.abandoned == 1
    assert here.admission.streams == 0
    assert here.client.task.done()
    assert await nothing_is_left_running()


@in_virtual_time
async def test_a_generate_and_the_leaving_in_one_read_leave_nothing_behind() -> None:
    here = await open_socket()
    here.client._messages.put_nowait({"type": "websocket.receive", "text": '{"type":"generate","prompt":"x"}'})
    await here.client.leave()
    assert here.admission.streams == 0
    assert all(generation.left for generation in here.upstream.generations)
    assert await nothing_is_left_running()


@in_virtual_time
async def test_a_generate_that_meets_the_stop_leaves_nothing_behind() -> None:
    """Its task is cancelled before it has begun."""
    here = await open_socket()
    here.client._messages.put_nowait({"type": "websocket.receive", "text": '{"type":"generate","prompt":"x"}'})
    here.socket.drain()
    await settle()
    assert here.client.received == 2
    assert here.client.close_code == 1001
    assert here.admission.streams == 0


@in_virtual_time
async def test_a_send_that_fails_is_the_clients_leaving(caplog: pytest.LogCaptureFixture) -> None:
    here = await open_socket()
    await here.generate("a")
    await here.generate("b")
    here.client.broken = True
    for generation in here.upstream.generations:
        generation.say("x")
    await settle()
    assert here.client.task.done()
    assert all(generation.left for generation in here.upstream.generations)
    assert caplog.records == []


@in_virtual_time
async def test_who_leaves_during_the_handshake_is_gone() -> None:
    here = await open_socket(prepare=lambda here: setattr(here.client, "broken", True))
    assert here.client.task.done()
    here.client.task.result()


@in_virtual_time
async def test_a_slow_reader_pauses_the_worker_and_loses_nothing() -> None:
    here = await open_socket()
    await here.generate("a")
    here.client.stop_reading()
    last = here.upstream.last
    for _ in range(20):
        last.say("x" * 1000)
        await until(now() + 0.06)
    assert last.told == ["pause"]
    here.client.read()
    await settle()
    assert last.told == ["pause", "resume"]
    last.end()
    await settle()
    assert "".join(f.get("delta", "") for f in here.client.frames) == "x" * 20_000
    assert PAUSE_CHARS < 20_000


@in_virtual_time
async def test_a_slow_reader_is_still_heard() -> None:
    here = await open_socket()
    await here.generate("a")
    here.client.stop_reading()
    here.upstream.last.say("unread")
    await here.client.say_text("wrong")
    await here.client.say(type="cancel", ref="a")
    assert here.upstream.last.left


@in_virtual_time
async def test_a_flood_is_closed_and_its_generations_left() -> None:
    here = await open_socket()
    await here.generate("a")
    for _ in range(BURST_FRAMES - 1):
        await here.client.say(type="cancel", ref="b")
    assert here.client.close_code is None
    await here.client.say(type="cancel", ref="b")
    assert here.client.close_code == 1008
    assert here.upstream.last.left
    assert here.client.task.done()


@in_virtual_time
async def test_who_sends_what_is_wrong_and_does_not_read_is_closed() -> None:
    here = await open_socket(max_streams=1)
    here.client.stop_reading()
    for _ in range(MAX_UNSENT + 10):
        await here.client.say_text("wrong")
        await until(now() + 0.06)
    assert here.client.task.done()
    assert here.client.received == 1 + MAX_UNSENT + 1  # the handshake, and the frame that was one too many
    assert here.client.close_code is None  # there was no place for it
    assert await nothing_is_left_running()


@in_virtual_time
async def test_an_idle_socket_closes_when_the_server_stops() -> None:
    here = await open_socket()
    here.socket.drain()
    await settle()
    assert here.client.close_code == 1001
    assert here.client.task.done()


@in_virtual_time
async def test_when_the_server_drains_a_socket_closes_behind_its_last_generation() -> None:
    here = await open_socket()
    await here.generate("a")
    here.admission.draining = True
    here.socket.drain()
    await here.generate("b")
    await until(60.0)
    assert [frame["ref"] for frame in here.client.frames if frame.get("code") == "SERVER_DRAINING"] == ["b"]
    assert not here.client.task.done()
    here.upstream.last.end()
    await settle()
    assert here.client.frames[-1]["isFinal"] is True
    assert here.client.close_code == 1001


@in_virtual_time
async def test_when_the_server_stops_generations_say_so_before_the_close() -> None:
    here = await open_socket()
    await here.generate("a")
    here.upstream.answers.clear()
    await here.generate("b")
    here.admission.draining = True
    here.streams.fail_all(Code.SERVER_DRAINING)
    here.socket.end()
    await settle()
    assert sorted(f["ref"] for f in here.client.frames if f.get("code") == "SERVER_DRAINING") == ["a", "b"]
    assert here.client.close_code == 1001
    assert here.admission.streams == 0


@in_virtual_time
async def test_a_client_that_does_not_read_does_not_hold_up_the_stop() -> None:
    here = await open_socket()
    await here.generate("a")
    here.client.stop_reading()
    here.upstream.last.say("unread")
    await settle()
    begin = now()
    here.streams.fail_all(Code.SERVER_DRAINING)
    here.socket.end()
    await here.client.task
    assert LAST_PATIENCE_S <= now() - begin < 1.0  # the shortest EDGE_STOP_TIMEOUT_S
    assert await nothing_is_left_running()


@in_virtual_time
async def test_a_bug_closes_the_socket_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    here = await open_socket()
    await here.generate("a")
    here.upstream.refusal = ZeroDivisionError("a secret")
    await here.generate("b")
    assert here.client.close_code == 1011
    assert here.upstream.generations[0].left
    assert here.admission.streams == 0
    assert "secret" not in str(here.client.sent)
    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [(logging.ERROR, True)]


@in_virtual_time
async def test_a_server_that_cancels_the_socket_leaves_its_generations() -> None:
    here = await open_socket()
    await here.generate("a")
    here.client.task.cancel()
    await settle()
    assert here.client.task.cancelled()
    assert here.upstream.last.left
    assert await nothing_is_left_running()


@in_virtual_time
async def test_all_that_a_socket_asks_is_asked_by_who_opened_it() -> None:
    caller = Caller(key_id="1", owner="alice")
    here = await open_socket(caller=caller)
    await here.generate("a", resumable=True)
    await here.client.say(type="resume", ref="b", lastEventId="w1-7.3")
    assert [generation.request.caller for generation in here.upstream.generations] == [caller, caller]
    await here.client.say(type="cancel", ref="a")
    assert here.upstream.cancelled_by == ["alice"]
    await here.client.leave()
