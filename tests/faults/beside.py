"""A well-behaved stream beside what a test does to the same edge: it must not notice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.faults.client import Client

TOKENS_PER_S = 50
LONGEST_PAUSE_S = 0.5  # an event is due every 50 ms; the rest, and what the test itself has to wait, is the machine's
LOOK_S = 0.01


@contextlib.asynccontextmanager
async def healthy_stream(edge: str) -> AsyncIterator[None]:
    """One that runs as long as the context, read at once; at the end, what it got is checked."""
    loop = asyncio.get_running_loop()
    options = {"tokens": 1_000_000, "tokens_per_second": TOKENS_PER_S}
    client = await Client({"prompt": "healthy", "engine_options": options}).begin(edge)
    begin, reading = loop.time(), asyncio.create_task(client.read())
    noise = [0.0]
    listening = asyncio.create_task(_keep_longest_wait(noise))
    try:
        yield
        await asyncio.sleep(LONGEST_PAUSE_S)  # a pause at the very end would be none yet
        assert not reading.done(), "the stream beside has ended"
    finally:
        elapsed = loop.time() - begin
        reading.cancel()
        listening.cancel()
        client.leave()
    bound_s = LONGEST_PAUSE_S + 2 * noise[0]
    client.text(complete=False)
    assert client.longest_pause_s < bound_s
    assert client.instants[-1] > begin + elapsed - bound_s
    assert client.index > TOKENS_PER_S * (elapsed - bound_s)


async def _keep_longest_wait(kept_s: list[float]) -> None:
    """How long this process had to wait for the processor."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_S
        await asyncio.sleep(LOOK_S)
        kept_s[0] = max(kept_s[0], loop.time() - due)
