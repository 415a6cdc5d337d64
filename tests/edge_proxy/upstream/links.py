"""Links to scripted workers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from edge_proxy.upstream.link import LinkTimers, WorkerLink
from tests.edge_proxy.upstream.readers import eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker, serving

PATIENT = LinkTimers(connect_s=10, silence_s=10, answer_s=10)


@contextlib.asynccontextmanager
async def running(link: WorkerLink) -> AsyncIterator[WorkerLink]:
    """Keep the link's exchange open while the context lasts."""
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def linked(worker: ScriptedWorker, timers: LinkTimers = PATIENT) -> AsyncIterator[WorkerLink]:
    """A link that is ready."""
    async with serving(worker) as address, running(WorkerLink(address, timers)) as link:
        await eventually(lambda: link.ready)
        yield link
