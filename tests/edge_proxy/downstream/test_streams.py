import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.claim import Claim
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.reader import Opened, Reader
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects import native
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.streams import AttachSource, OpenSource, Streams
from edge_proxy.downstream.ticker import SLOT_S, Ticker
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.played_claim import PlayedClaim
from tests.edge_proxy.downstream.played_upstream import PlayedUpstream
from tests.support.virtual_time import in_virtual_time, now, settle, until

ASKED = GenerationRequest(prompt="x")
ROUNDING_S = 2e-6


class Server:
    """Streams on terms that the test sets, with an upstream that it plays."""

    def __init__(self, **terms: Any) -> None:
        self.upstream = PlayedUpstream()
        self.refusal: Refused | None = None
        self.claims: list[tuple[Sequence[GenerationRequest], Cursor | None]] = []
        self.claim = PlayedClaim()
        self.admitted = 0
        self.released = 0
        self.failures: list[Code] = []
        self._terms = {"timeout_s": 120.0, "batch_interval_s": 0.05} | terms
        self.streams = Streams(
            admit=self._admit,
            release=self._release,
            open_source=self.upstream.open,
            attach_source=self.upstream.attach,
            cancel=self.upstream.cancel,
            ping_interval_s=15.0,
            ticker=Ticker(),
            claim=self._claim,
            on_failure=self.failures.append,
        )

    async def start(self) -> Client:
        """A client whose stream is open."""
        client = Client(SSEResponse(self.streams.open([ASKED]), native))
        await settle()
        return client

    def _admit(self, request: GenerationRequest) -> GenerationRequest:
        if self.refusal:
            raise self.refusal
        self.admitted += 1
        return replace(request, **self._terms)

    def _claim(self, asked: Sequence[GenerationRequest], cursor: Cursor | None) -> Claim:
        self.claims.append((asked, cursor))
        return self.claim

    def _release(self) -> None:
        self.released += 1


def codes(client: Client) -> list[str]:
    return [json.loads(message.data).get("code", "") for message in client.stream.messages]


@in_virtual_time
async def test_the_worker_is_asked_for_what_was_admitted() -> None:
    server = Server(timeout_s=7.0)
    client = await server.start()
    assert server.upstream.last.request == replace(ASKED, timeout_s=7.0, batch_interval_s=0.05)
    server.upstream.last.end()
    await client.response()


@in_virtual_time
async def test_what_is_not_admitted_asks_no_worker_and_releases_nothing() -> None:
    server = Server()
    server.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused):
        server.streams.open([ASKED])
    assert server.upstream.generations == []
    assert server.released == 0


@in_virtual_time
async def test_a_place_is_kept_until_the_stream_has_ended() -> None:
    server = Server()
    client = await server.start()
    assert (server.admitted, server.released) == (1, 0)
    server.upstream.last.end()
    await client.response()
    assert (server.admitted, server.released) == (1, 1)


@in_virtual_time
async def test_a_place_is_given_back_when_the_worker_refuses() -> None:
    server = Server()
    server.upstream.refusal = Refused(Failure(Code.OVERLOADED))
    client = await server.start()
    with pytest.raises(Refused):
        await client.response()
    assert server.released == 1


@in_virtual_time
async def test_a_place_is_given_back_when_the_client_leaves() -> None:
    server = Server()
    client = await server.start()
    client.leave()
    await client.response()
    assert server.released == 1


@in_virtual_time
async def test_every_failure_is_told_once_wherever_it_is_from() -> None:
    server = Server(timeout_s=7.0)
    server.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused):
        server.streams.open([ASKED])
    with pytest.raises(Refused):
        server.streams.resume(Cursor("w1-a", 3), ANYONE)
    assert server.failures == [Code.OVERLOADED] * 2
    server.refusal = None
    server.upstream.refusal = Refused(Failure(Code.WORKER_UNAVAILABLE))
    with pytest.raises(Refused):
        await (await server.start()).response()
    server.upstream.refusal = None
    client = await server.start()
    server.upstream.last.end(Failure(Code.GENERATION_ERROR))
    await client.response()
    await (await server.start()).response()
    assert server.failures[2:] == [Code.WORKER_UNAVAILABLE, Code.GENERATION_ERROR, Code.TIMEOUT]


@in_virtual_time
async def test_a_success_is_no_failure() -> None:
    server = Server()
    client = await server.start()
    server.upstream.last.end()
    await client.response()
    assert server.failures == []


@in_virtual_time
async def test_the_deadline_is_the_admitted_one() -> None:
    client = await Server(timeout_s=7.0).start()
    await client.response()
    assert codes(client) == ["TIMEOUT"]
    assert 7 - ROUNDING_S <= now() <= 7 + SLOT_S + ROUNDING_S


@pytest.mark.parametrize(("interval_s", "events"), [(0.0, 10), (0.5, 1)])
def test_the_batch_interval_is_the_admitted_one(interval_s: float, events: int) -> None:
    @in_virtual_time
    async def run() -> None:
        server = Server(batch_interval_s=interval_s)
        client = await server.start()
        for number in range(10):
            server.upstream.last.say("x")
            await until(number / 50)
        assert len(client.stream.messages) == events
        client.leave()
        await client.response()

    run()


@in_virtual_time
async def test_pings_come_at_the_servers_interval() -> None:
    client = await Server().start()
    await until(31)
    assert [message.type for message in client.stream.messages] == ["ping", "ping"]
    client.leave()
    await client.response()


@in_virtual_time
async def test_when_all_fail_each_client_is_told_with_its_text_first_and_each_source_left() -> None:
    server = Server()
    clients = [await server.start() for _ in range(3)]
    for generation in server.upstream.generations:
        generation.say("a")
    await settle()
    for generation in server.upstream.generations:
        generation.say("b")
    server.streams.fail_all(Code.SERVER_DRAINING)
    for client in clients:
        await client.response()
        assert codes(client) == ["", "", "SERVER_DRAINING"]
        assert json.loads(client.stream.messages[1].data)["delta"] == "b"
        assert client.complete
    assert all(generation.left for generation in server.upstream.generations)
    assert server.released == 3


@in_virtual_time
async def test_streams_that_have_ended_are_forgotten() -> None:
    server = Server()
    client = await server.start()
    ended = server.upstream.last
    ended.end()
    await client.response()
    told = list(ended.told)
    server.streams.fail_all(Code.SERVER_DRAINING)
    assert ended.told == told
    assert server.streams._streams == {}


@in_virtual_time
async def test_of_several_generations_none_starts_when_one_may_not() -> None:
    server = Server()

    def admit_two(request: GenerationRequest) -> GenerationRequest:
        if server.admitted == 2:
            raise Refused(Failure(Code.OVERLOADED))
        return server._admit(request)

    server.streams.admit = admit_two
    with pytest.raises(Refused):
        server.streams.open([ASKED] * 3)
    assert (server.admitted, server.released) == (2, 2)
    assert server.upstream.generations == []


@in_virtual_time
async def test_an_ending_without_text_stands_behind_where_the_client_came_back() -> None:
    server = Server()
    client = Client(SSEResponse(server.streams.resume(Cursor("w1-1", 41), ANYONE), native))
    await settle()
    server.upstream.last.end()
    await client.response()
    assert b"id: w1-1.42\n" in client.body


ALICE, BOB = Caller(key_id="1", owner="alice"), Caller(key_id="2", owner="bob")


async def begin(server: Server, caller: Caller) -> Client:
    client = Client(SSEResponse(server.streams.open([replace(ASKED, caller=caller)]), native))
    await settle()
    return client


@in_virtual_time
async def test_the_streams_of_who_may_not_any_more_end_and_say_so() -> None:
    server = Server()
    clients = [await begin(server, caller) for caller in (ALICE, BOB, ANYONE)]
    server.streams.recheck(lambda caller: caller is BOB)
    server.streams.recheck(lambda caller: caller is BOB)
    await clients[0].response()
    assert codes(clients[0]) == ["UNAUTHENTICATED"]
    assert server.upstream.generations[0].left
    assert [client.task.done() for client in clients] == [True, False, False]
    assert server.released == 1
    server.streams.fail_all(Code.SERVER_DRAINING)
    for client in clients[1:]:
        await client.response()


@in_virtual_time
async def test_who_may_not_any_more_while_the_worker_is_asked_gets_a_status() -> None:
    server = Server()
    server.upstream.answers.clear()
    client = await begin(server, ALICE)
    server.streams.recheck(lambda _: False)
    with pytest.raises(Refused) as caught:
        await client.response()
    assert caught.value.failure.code is Code.UNAUTHENTICATED


@in_virtual_time
async def test_who_goes_on_with_a_generation_is_known_to_the_worker() -> None:
    server = Server()
    client = Client(SSEResponse(server.streams.resume(Cursor("w1-1", 41), ALICE), native))
    await settle()
    assert server.upstream.last.request.caller is ALICE
    server.upstream.last.end()
    await client.response()


@in_virtual_time
async def test_generations_of_one_request_have_one_claim() -> None:
    server = Server()
    openings = server.streams.open([ASKED, ASKED])
    assert server.claims == [([ASKED, ASKED], None)]
    for opening in openings:
        await opening.open()
        opening.close()
    assert [spent.generation_id for spent in server.claim.spent] == ["w1-1", "w1-2"]


@in_virtual_time
async def test_coming_back_has_a_claim_from_its_cursor_on() -> None:
    server = Server()
    (opening,) = server.streams.resume(Cursor("w1-1", 41), ANYONE)
    assert [cursor for _, cursor in server.claims] == [Cursor("w1-1", 41)]
    await opening.open()
    opening.close()
    assert server.claim.spent[0].next_index == 41


@in_virtual_time
async def test_something_can_be_put_between_a_generation_and_its_reader_once_that_is_admitted() -> None:
    server = Server()
    seen: list[str] = []

    def through(open_source: OpenSource) -> OpenSource:
        async def opened(request: GenerationRequest, reader: Reader) -> Opened:
            seen.append(request.prompt)
            return await open_source(replace(request, prompt="with a history"), reader)

        return opened

    (opening,) = server.streams.open([ASKED], through)
    assert (server.admitted, seen) == (1, [])
    await opening.open()
    assert (seen, server.upstream.last.request.prompt) == (["x"], "with a history")
    opening.close()


@in_virtual_time
async def test_something_can_be_put_before_what_is_come_back_to() -> None:
    server = Server()
    seen: list[int] = []

    def through(attach_source: AttachSource) -> AttachSource:
        async def attached(generation_id: str, index: int, request: GenerationRequest, reader: Reader) -> Opened:
            seen.append(index)
            return await attach_source(generation_id, index, request, reader)

        return attached

    (opening,) = server.streams.resume(Cursor("w1-1", 41), ANYONE, through)
    assert await opening.open() == "w1-1"
    assert seen == [41]
    opening.close()
