"""Where a request stands is said in one of two places. With real workers: tests/faults."""

import pytest

from edge_proxy.core.errors import Code, Failure, Refused
from tests.edge_proxy.downstream.test_native_routes import Site
from tests.support.virtual_time import in_virtual_time, settle

HERE = "w9-5c0f.3"


@pytest.mark.parametrize("where", ["header", "query"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@in_virtual_time
async def test_who_says_where_it_stands_starts_nothing(where: str, method: str) -> None:
    site = Site()
    query = f"?last_event_id={HERE}&prompt=x" if where == "query" else "?prompt=x"
    headers = {"last-event-id": HERE} if where == "header" else {}
    client = site.ask(method, query, **headers)
    await settle()
    (generation,) = site.upstream.generations
    assert generation.id == "w9-5c0f"
    generation.say("more")
    generation.end()
    await client.response()
    assert [message.last_event_id for message in client.stream.messages] == ["w9-5c0f.5"]


@in_virtual_time
async def test_all_was_read_is_204_and_gone_is_410() -> None:
    for code, status in ((Code.ENDED, 204), (Code.RESUME_EXPIRED, 410), (Code.NOT_FOUND, 404)):
        site = Site()
        site.upstream.refusal = Refused(Failure(code))
        client = site.ask("GET", "", **{"last-event-id": HERE})
        await client.response()
        assert client.status == status


@in_virtual_time
async def test_what_is_no_event_is_refused_by_name() -> None:
    client = Site().ask("GET", "?prompt=x", **{"last-event-id": "3"})
    await client.response()
    assert client.status == 400
    assert b'"last_event_id"' in client.body
