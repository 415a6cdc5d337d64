import asyncio
import time

from edge_proxy.probe import PERIOD_S, Probe


async def looks(count: int) -> list[dict[str, float]]:
    """What a probe sees in so many looks, the process blocked once during each."""
    seen: list[dict[str, float]] = []
    enough = asyncio.Event()

    def note(**look: float) -> None:
        seen.append(look)
        if len(seen) == count:
            enough.set()

    probe = Probe(note)
    probe.start()
    await enough.wait()
    probe.stop()
    await asyncio.sleep(2 * PERIOD_S)
    assert len(seen) == count, "it looks no more"
    return seen


async def test_an_idle_process_is_neither_busy_nor_late() -> None:
    (look,) = await looks(1)
    assert 0 <= look["busy"] < 0.9
    assert look["lag_s"] >= 0


async def test_a_busy_process_is_both() -> None:
    async def hog() -> None:
        until = time.monotonic() + 2 * PERIOD_S
        while time.monotonic() < until:
            pass

    hogging = asyncio.create_task(hog())
    (look,) = await looks(1)
    await hogging
    assert look["busy"] > 0.1
    assert look["lag_s"] > 0.2 * PERIOD_S
