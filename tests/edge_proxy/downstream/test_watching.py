"""What is counted of streams, with the real responses and a generation that the test plays."""

from dataclasses import replace

import pytest

from edge_proxy.core.caller import ANYONE, Caller
from edge_proxy.core.cursor import Cursor
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.story import Story
from edge_proxy.dialects import native
from edge_proxy.downstream.sse_endpoint import SSEResponse
from edge_proxy.downstream.watching import PLACES, Watching
from tests.edge_proxy.asgi import Client
from tests.edge_proxy.downstream.test_streams import ASKED, Server
from tests.support.virtual_time import in_virtual_time, settle, until

OURS = "token_relay_edge_"
HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Counted(Server):
    """A server, and what is counted of it."""

    def __init__(self, *, traced: bool = False) -> None:
        super().__init__()
        self.streams.watching = Watching(traced=traced)
        self.stories: list[Story] = []
        self.streams.watching.on_end.append(self.stories.append)

    def value(self, name: str, *labels: str) -> float:
        return self.streams.figures(process="0").values.get((OURS + name, *labels), 0)

    def seen(self, name: str, *labels: str) -> int:
        """How many values a histogram has."""
        return sum(self.streams.figures(process="0").histograms[(OURS + name, *labels)][0])

    def sum(self, name: str, *labels: str) -> float:
        """And what they add up to."""
        return self.streams.figures(process="0").histograms[(OURS + name, *labels)][1]


@in_virtual_time
async def test_a_stream_is_open_and_then_finished() -> None:
    server = Counted()
    client = await server.start()
    assert (server.value("streams_open", "0"), server.value("streams_started_total", "native")) == (1, 1)
    await until(0.4)
    server.upstream.generations[0].say("a", "b")
    await until(0.6)
    assert server.value("tokens_total") == 2
    server.upstream.generations[0].end()
    await client.response()
    assert (server.value("streams_open", "0"), server.value("streams_started_total", "native")) == (0, 1)
    assert server.value("streams_ended_total", "native", "finished", "") == 1
    assert server.value("tokens_total") == 2
    assert server.seen("time_to_first_token_seconds", "native") == 1
    assert server.sum("time_to_first_token_seconds", "native") == pytest.approx(0.4, abs=1e-3)
    assert server.seen("stream_seconds", "finished") == 1
    assert server.sum("stream_seconds", "finished") == pytest.approx(0.6, abs=1e-3)


@in_virtual_time
async def test_bytes_are_those_of_the_events() -> None:
    server = Counted()
    client = await server.start()
    begin = len(client.body)
    server.upstream.generations[0].say("a")
    await until(1)
    assert server.value("sent_bytes_total") == len(client.body) - begin > 0
    server.upstream.generations[0].end()
    await client.response()
    assert server.value("sent_bytes_total") == len(client.body) - begin


@in_virtual_time
async def test_pings_are_counted() -> None:
    server = Counted()
    await server.start()
    await until(31)
    assert server.value("pings_total") == 2


@in_virtual_time
async def test_a_client_that_leaves_has_cancelled() -> None:
    server = Counted()
    client = await server.start()
    server.upstream.generations[0].say("a")
    client.leave()
    await client.response()
    assert server.value("streams_ended_total", "native", "cancelled", "CANCELLED") == 1


@in_virtual_time
async def test_a_worker_that_refuses_what_was_asked_for_is_no_failure() -> None:
    server = Counted()
    server.upstream.refusal = Refused(Failure(Code.NOT_FOUND))
    with pytest.raises(Refused):
        await (await server.start()).response()
    assert server.value("streams_ended_total", "native", "refused", "NOT_FOUND") == 1
    assert server.seen("stream_seconds", "refused") == 1


@in_virtual_time
async def test_who_is_not_admitted_is_counted_by_why_and_is_no_stream() -> None:
    server = Counted()
    server.refusal = Refused(Failure(Code.OVERLOADED))
    with pytest.raises(Refused):
        server.streams.open([ASKED])
    assert server.value("admission_refusals_total", "OVERLOADED") == 1
    assert server.value("streams_open", "0") == 0
    assert server.stories == []


@in_virtual_time
async def test_a_stream_that_goes_on_is_a_resume_and_counts_what_it_gets() -> None:
    server = Counted()
    client = Client(SSEResponse(server.streams.resume(Cursor("w1-1", 41), ANYONE), native))
    await settle()
    server.upstream.generations[0].begin_at(41)
    server.upstream.generations[0].say("a", "b")
    server.upstream.generations[0].end()
    await client.response()
    assert server.value("resumes_total") == 1
    assert (server.stories[0].resumed, server.stories[0].tokens) == (True, 2)


@in_virtual_time
async def test_a_story_is_told_once_with_what_is_known() -> None:
    server = Counted()
    asked = replace(ASKED, caller=Caller(key_id="k7"), raw_prompt=True)
    client = Client(SSEResponse(server.streams.open([asked]), native))
    await settle()
    server.upstream.generations[0].say("a")
    server.upstream.generations[0].end()
    await client.response()
    [story] = server.stories
    assert (story.key_id, story.dialect, story.operation) == ("k7", "native", "text_completion")
    assert (story.generation_id, story.outcome, story.tokens) == ("w1-1", "finished", 1)


@in_virtual_time
async def test_places_in_the_sample_are_free_again_when_their_streams_have_ended() -> None:
    server = Counted()
    for _ in range(3):
        clients = [await server.start() for _ in range(2 * PLACES)]
        for generation in server.upstream.generations[-2 * PLACES :]:
            generation.say("a")
            generation.end()
        for client in clients:
            await client.response()
    assert server.seen("event_tokens", "first") == 3 * PLACES


@in_virtual_time
async def test_events_of_the_sample_are_looked_at_one_by_one() -> None:
    server = Counted()
    await server.start()
    for number in range(10):
        await until(1 + 0.1 * number)
        server.upstream.generations[0].say("a", "b", "c")
    await until(3)
    assert server.seen("event_gap_seconds") == 9
    assert server.sum("event_gap_seconds") == pytest.approx(0.9, abs=1e-2)


@in_virtual_time
async def test_the_time_of_a_stop_is_that_until_the_worker_has_said_so() -> None:
    server = Counted()
    await server.start()
    await server.streams.stop("w1-1", "")
    assert server.seen("cancel_seconds") == 1


@pytest.mark.parametrize("traced", [False, True])
@in_virtual_time
async def test_the_worker_is_told_of_the_trace(*, traced: bool) -> None:
    server = Counted(traced=traced)
    [opening] = server.streams.open([ASKED])
    opening.begin("native", {"request_id": "r1", "trace_parent": HEADER})
    await opening.open()
    given = server.upstream.generations[0].request.trace_parent
    assert given.split("-")[1] == HEADER.split("-")[1]
    assert (given == HEADER) is not traced
    opening.close()
    assert (server.stories[0].span is not None) is traced
