"""A worker to be fuzzed, and what is asked of it when that is over."""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator

from tests.support import processes
from tests.support.counted import Held
from tests.support.worker_probe import WorkerProbe, asked

# What is kept for a while is not kept for long: in the end, nothing is to be.
SHORT = {"WORKER_MAX_RESUME_WINDOW_S": "0.5", "WORKER_REATTACH_WINDOW_S": "0.2"}
FORGETS_S = 1.5
SETTLES_S = 10.0
# What happens to be alive, and caches of what was seen: a few for each of thousands of inputs would be more.
OBJECTS = 2_000
TROUBLE = re.compile(r".*(?:Traceback|never retrieved|Exception|ERROR|CRITICAL|Error:).*")
REQUEST = asked("what was before", seed=1, tokens=40, tokens_per_second=0)


class Fuzzed:
    """A worker whose state before is known."""

    def __init__(self, address: str, service: processes.Service) -> None:
        self.address = address
        self._service = service
        self._text = asyncio.run(self._settled())
        self._turn = 0
        self._before = self._held()

    def check(self) -> None:
        """It lives, answers as before, holds no more, and has said nothing of an error."""
        assert self._service.process.poll() is None, self._service.output()[-4000:]
        assert asyncio.run(self._settled()) == self._text
        held = self._held()
        said = f"{self._before} before, {held} after"
        trouble = TROUBLE.findall(self._service.output())
        assert not trouble, "\n".join(trouble[:10]) + "\n" + self._service.output()[-4000:]
        assert held.tasks <= self._before.tasks, said
        assert held.descriptors <= self._before.descriptors, said
        assert held.objects <= self._before.objects + OBJECTS, said

    async def _settled(self) -> str:
        """What it says to a normal request once nothing else runs and nothing is kept any more."""
        async with WorkerProbe(self.address) as probe:
            await probe.wait_for_running(0, limit_s=SETTLES_S)
            return await probe.text(REQUEST)

    def _held(self) -> Held:
        time.sleep(FORGETS_S)
        held = Held.by(self._service, self._turn)
        self._turn += 1
        return held


@contextlib.contextmanager
def fuzzed_worker() -> Iterator[Fuzzed]:
    """One that plays scripts."""
    with processes.worker(through=["tests.support.counted"], **SHORT) as (address, service):
        yield Fuzzed(address, service)
