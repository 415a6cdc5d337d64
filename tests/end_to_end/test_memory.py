"""What streams are made of goes with its last reference: nothing is left for a full collection to find."""

import asyncio
import contextlib
import gc
import json
from collections import Counter
from collections.abc import Iterator

from tests.edge_proxy.asgi_socket import SocketClient
from tests.edge_proxy.test_app import PATH, Site, site
from tests.edge_proxy.upstream.readers import eventually

STREAMS = 20


@contextlib.contextmanager
def kept_garbage() -> Iterator[Counter[str]]:
    """Counts, by type, the objects of ours that only a collection would have freed."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = ("edge_proxy.", "inference_worker.")
        found.update(type(item).__qualname__ for item in gc.garbage if type(item).__module__.startswith(ours))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def one_of_each(here: Site) -> None:
    """A stream that ends well, one that fails, one whose client leaves, and one that is refused."""
    ended = await here.post(max_tokens=5).response()
    assert json.loads(ended.stream.messages[-1].data)["isFinal"]
    failed = await here.post(engine_options={"fail_at": 2}).response()
    assert failed.stream.messages or failed.status == 200
    left = await here.start()
    left.leave()
    await asyncio.wait([left.task])
    assert (await here.post(max_tokens=-1).response()).status == 400
    await one_socket(here)


async def one_socket(here: Site) -> None:
    """A generation that ends well, one that is cancelled, one that is refused, and one that is left with the socket."""
    client = SocketClient(here.edge.app, f"{PATH}/ws")
    await client.say(type="generate", ref="a", prompt="x", max_tokens=5, engine_options={"tokens_per_second": 0})
    for ref in "bc":
        await client.say(type="generate", ref=ref, prompt="x", engine_options={"stall_at": 3})
    await client.say(type="cancel", ref="b")
    await client.say(type="generate", ref="d", prompt="x", max_tokens=-1)
    await eventually(lambda: len(client.codes) == 2 and any(frame.get("isFinal") for frame in client.frames))
    await client.leave()
    await client.task


async def test_streams_leave_no_cycles_behind() -> None:
    async with site() as here:
        await one_of_each(here)  # what is made once
        with kept_garbage() as found:
            for _ in range(STREAMS):
                await one_of_each(here)
            await asyncio.sleep(0.05)
    assert sum(found.values()) < STREAMS, found
