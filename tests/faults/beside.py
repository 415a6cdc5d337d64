"""A well-behaved stream beside what a test does to the same edge: it must not notice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.faults.client import Client

TOKENS_PER_S = 50
LONGEST_PAUSE_S = 0.5  # an event is due every 50 ms; the rest is for a machine that does other things as well


@contextlib.asynccontextmanager
async def healthy_stream(edge: str) -> AsyncIterator[None]:
    """One that runs as long as the context, read at once; at the end, what it got is checked."""
    loop = asyncio.get_running_loop()
    options = {"tokens": 1_000_000, "tokens_per_second": TOKENS_PER_S}
    client = await Client({"prompt": "healthy", "engine_options": options}).begin(edge)
    begin, reading = loop.time(), asyncio.create_task(client.read())
    try:
        yield
        await asyncio.sleep(LONGEST_PAUSE_S)  # a pause at the very end would be none yet
        assert not reading.done(), "the stream beside has ended"
    finally:
        elapsed = loop.time() - begin
        reading.cancel()
        client.leave()
    client.text(complete=False)
    assert client.longest_pause_s < LONGEST_PAUSE_S
    assert client.instants[-1] > begin + elapsed - LONGEST_PAUSE_S
    assert client.index > TOKENS_PER_S * (elapsed - LONGEST_PAUSE_S)
