"""A first token after forty seconds: every client waits with its own default time-outs, and gets it all.

In real time, since it is the clients' clocks that are asked; all of them at once, so that it is waited for once.
"""

import asyncio

import pytest

from tests.end_to_end.clients.conftest import running
from tests.end_to_end.clients.test_scenarios import asked, text_by_our_reader
from tests.support.clients import CLIENTS, WHOLE, Ask, Seen

DELAY_S = 40


async def waited(name: str, edge: str, ask: Ask) -> tuple[str, Seen, int, int]:
    """A client's name, what it saw, how many requests it made, and how many pings it was sent."""
    seen, tap = await asked(CLIENTS[name], edge, ask)
    return name, seen, tap.requests, tap.received.count(b"ping")


@pytest.mark.long
@pytest.mark.timeout(180)  # forty seconds, and the start of many processes on few cores
async def test_a_first_token_after_forty_seconds_finds_every_client_there() -> None:
    with running(f"tokens=100,tokens_per_second=200,first_token_delay_ms={DELAY_S * 1000}") as pair:
        begin = asyncio.get_running_loop().time()
        streamed = [waited(name, pair.edge, Ask()) for name in CLIENTS]
        whole = [waited(name, pair.edge, Ask(whole=True)) for name in WHOLE]
        results = await asyncio.gather(*streamed, *whole)
        assert asyncio.get_running_loop().time() - begin > DELAY_S
        text = await text_by_our_reader(pair.edge, Ask())
    for number, (name, seen, requests, pings) in enumerate(results):
        assert (name, seen.error, seen.text) == (name, None, text)
        assert (name, seen.finish_reason, seen.completion_tokens, requests) == (name, "stop", 100, 1)
        assert pings == (2 if number < len(CLIENTS) else 0), name  # after 15 s and after 30 s
