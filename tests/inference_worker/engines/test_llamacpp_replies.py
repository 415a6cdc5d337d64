"""How llama.cpp's messages get from its threads to a sink."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from inference_worker.engines.base import Finish
from inference_worker.engines.llamacpp_replies import Mailbox, Reply, is_progress
from tests.inference_worker.engines.list_sink import ListSink


def chunk(text: str, made: int, finish_reason: str | None = None, **more: Any) -> bytes:
    """A message of the tokens made so far, which is all that llama.cpp says of those that complete no character."""
    choices = [{"text": text, "finish_reason": finish_reason}]
    return json.dumps({"choices": choices, "timings": {"predicted_n": made}} | more).encode()


USAGE = {"prompt_tokens": 9, "completion_tokens": 2}


@pytest.mark.parametrize(
    ("messages", "tokens", "finish", "error"),
    [
        pytest.param([chunk("a", 1), chunk("b", 2)], ["a", "b"], None, "", id="tokens"),
        pytest.param([chunk("", 0, prompt_progress={"processed": 3}), chunk("a", 1)], ["a"], None, "", id="progress"),
        pytest.param(
            [chunk("a", 1), chunk("猫", 3)], ["a", "", "猫"], None, "", id="a token that completes no character"
        ),
        pytest.param(
            [chunk("a", 1), chunk("", 2, "length", usage=USAGE)],
            ["a", ""],
            Finish("length", 9),
            "",
            id="the finish reason",
        ),
        pytest.param([b'{"error": "no memory"}'], [], None, "no memory", id="an error"),
        pytest.param([b'{"code": 500}'], [], None, "{'code': 500}", id="something else"),
    ],
)
def test_a_message_is_read(messages: list[bytes], tokens: list[str], finish: Finish | None, error: str) -> None:
    sink = ListSink()
    reply = Reply(sink)
    for message in messages:
        reply.receive(message)
    assert (sink.tokens, reply.finish, reply.error, reply.enough.is_set()) == (tokens, finish, error, False)


def test_when_the_sink_has_enough_the_rest_is_dropped() -> None:
    sink = ListSink(limit=2)
    reply = Reply(sink)
    for made, text in enumerate("abc", 1):
        reply.receive(chunk(text, made))
    assert sink.tokens == ["a", "b"]
    assert reply.enough.is_set()


def test_when_the_sink_has_enough_within_a_character_its_text_is_dropped() -> None:
    sink = ListSink(limit=2)
    Reply(sink).receive(chunk("猫", 3))
    assert sink.tokens == ["", ""]


async def test_a_mailbox_delivers_in_order_what_threads_leave() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    received: list[bytes] = []
    items = [str(number).encode() for number in range(2_000)]

    def leave() -> None:
        for item in items:
            mailbox.put(received.append, item)

    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, leave)
    assert received == items


async def test_a_mailbox_wakes_the_loop_once_for_all_that_lies_there(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    wakes: list[object] = []
    call_soon_threadsafe = loop.call_soon_threadsafe

    def counted(callback: Any, *args: Any) -> asyncio.Handle:
        wakes.append(callback)
        return call_soon_threadsafe(callback, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    mailbox = Mailbox(loop)
    received: list[bytes] = []
    for _ in range(2):
        mailbox.put(received.append, b"a")
        mailbox.put(received.append, b"b")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert received == [b"a", b"b"] * 2
    assert len(wakes) == 2


def test_text_that_speaks_of_progress_is_text() -> None:
    assert is_progress(b'{"prompt_progress": {"total": 12}, "choices": []}')
    assert not is_progress(chunk("prompt_progress", 1))
