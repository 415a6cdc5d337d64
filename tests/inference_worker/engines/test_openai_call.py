"""One call to a service that says what it should not, or nothing."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from inference_worker.engines.openai_call import ATTEMPTS, Call
from inference_worker.status import Code, EngineError, Refused
from tests.inference_worker.registries import eventually
from tests.support.canned_service import CUT, DONE, HANG, CannedService, answer, said


@asynccontextmanager
async def called(*answers: list[bytes], read_s: float = 5) -> AsyncIterator[tuple[Call, CannedService]]:
    """A call to a service with these answers."""
    async with (
        CannedService(list(answers)) as service,
        httpx.AsyncClient(base_url=service.url, timeout=httpx.Timeout(5, read=read_s)) as http,
    ):
        call = Call(http, "chat/completions", {"model": "x"}, Counter())
        try:
            yield call, service
        finally:
            await call.close()


async def events(call: Call) -> list[str]:
    return [data async for data in call.events()]


async def test_events_are_given_by_their_data_however_they_are_cut() -> None:
    whole = b"data: a\r\n\r\n: ping\n\ndata: b\xe2\x80\xa8c\n\n"
    async with called(answer(*(whole[place : place + 1] for place in range(len(whole))))) as (call, _):
        assert await events(call) == ["a", "b\u2028c"]


async def test_an_answer_in_one_piece_is_one() -> None:
    async with called(answer(b'{"a":', b'"1"}', media_type="application/json")) as (call, _):
        assert await events(call) == ['{"a":"1"}']


async def test_a_connection_that_breaks_before_the_first_byte_is_made_again() -> None:
    async with called([CUT], [CUT], answer(said("a"))) as (call, service):
        assert len(await events(call)) == 1
        assert service.connections == 3


async def test_it_is_not_made_again_for_ever() -> None:
    async with called([CUT]) as (call, service):
        with pytest.raises(Refused) as refused:
            await call.head()
        assert refused.value.failed.code is Code.UNAVAILABLE
        assert service.connections == ATTEMPTS


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        troubles: Counter[str] = Counter()
        call = Call(http, "chat/completions", {}, troubles)
        with pytest.raises(Refused) as refused:
            await call.head()
        await call.close()
    assert refused.value.failed.code is Code.UNAVAILABLE
    assert troubles == {"connect": ATTEMPTS}


async def test_a_connection_that_breaks_after_the_first_byte_is_not_made_again() -> None:
    async with called(answer(said("a"), CUT)) as (call, service):
        with pytest.raises(EngineError, match="broke"):
            await events(call)
        assert service.connections == 1


async def test_a_body_that_ends_before_its_end_is_broken() -> None:
    head, first, _ = answer(said("a"))
    async with called([head, first, CUT]) as (call, _):
        with pytest.raises(EngineError, match="broke"):
            await events(call)


async def test_silence_has_an_end() -> None:
    async with called(answer(said("a"), HANG), read_s=0.05) as (call, _):
        with pytest.raises(Refused) as refused:
            await events(call)
    assert refused.value.failed.code is Code.DEADLINE_EXCEEDED


async def test_silence_before_the_head_has_an_end_and_is_not_asked_again() -> None:
    async with called([HANG], read_s=0.05) as (call, service):
        with pytest.raises(Refused) as refused:
            await call.head()
        assert service.connections == 1
    assert refused.value.failed.code is Code.DEADLINE_EXCEEDED


async def test_a_refusal_is_refused_with_its_words() -> None:
    body = b'{"error":{"message":"Too hot.","param":"temperature"}}'
    async with called(answer(body, status="400 Bad Request", media_type="application/json")) as (call, _):
        with pytest.raises(Refused) as refused:
            await call.head()
    assert (refused.value.failed.field, refused.value.failed.message) == ("temperature", "Too hot.")


async def test_patience_for_the_head_has_an_end_and_the_call_goes_on() -> None:
    async with called([HANG]) as (call, _):
        await call.head(patience_s=0.01)


async def test_a_call_that_is_closed_closes_its_connection() -> None:
    async with called(answer(said("a"), HANG)) as (call, service):
        stream = call.events()
        await anext(stream)
        assert service.open == 1
        await call.close()
        await eventually(lambda: service.open == 0)
        await stream.aclose()


async def test_a_call_that_is_closed_before_the_head_closes_its_connection() -> None:
    async with called([HANG]) as (call, service):
        await eventually(lambda: service.open == 1)
        await call.close()
        await eventually(lambda: service.open == 0)


@pytest.mark.parametrize("ends", [True, False])
async def test_a_connection_is_kept_if_its_answer_ends(*, ends: bool) -> None:
    pieces = [said("a"), DONE] + ([] if ends else [CUT])
    async with (
        CannedService([answer(*pieces), answer(DONE)]) as service,
        httpx.AsyncClient(base_url=service.url) as http,
    ):
        for _ in range(2):
            call = Call(http, "chat/completions", {}, Counter())
            async for data in call.events():
                if data == "[DONE]":
                    break
            call.complete = True
            await call.close()
            await asyncio.sleep(0)
        assert service.connections == (1 if ends else 2)
