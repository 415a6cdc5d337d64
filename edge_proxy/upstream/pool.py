"""The links of this edge: one to each address that its workers have now.

    address    in DNS                            not in DNS any more
    --------   -------------------------------   ------------------------------------------------------------------
    new        a link is made                    -
    linked     nothing                           nothing new for it; unlinked when it is lost, or nobody reads from it

A worker that is there by two addresses is one worker, by the first.
"""

import asyncio
import logging
from collections.abc import Sequence

from edge_proxy.upstream.addresses import Addresses, LookUp, look_up
from edge_proxy.upstream.channel import Connect, make_channel
from edge_proxy.upstream.link import LinkTimers, WorkerLink

log = logging.getLogger(__name__)

SOON_S = 0.5  # after a link was lost, or while a name has no address: a worker may be back by another one


class Pool:
    """Makes links and ends them.

    Args:
        entries: The workers, as in the settings.
        timers: Of each link.
        look_up: Gives the hosts of a name.
        interval_s: Between two lookups of a name.
        connect: Makes the channel to an address.
    """

    def __init__(
        self,
        entries: Sequence[str],
        timers: LinkTimers,
        *,
        look_up: LookUp = look_up,
        interval_s: float = 5.0,
        connect: Connect = make_channel,
    ) -> None:
        self._addresses = Addresses(entries)
        self._timers = timers
        self._look_up = look_up
        self._interval_s = interval_s
        self._connect = connect
        self._links: dict[str, WorkerLink] = {}  # by address
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._resolving: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._percent = 100
        self._adjust()

    @property
    def links(self) -> list[WorkerLink]:
        """All of them, but of those connected to the same worker the first alone."""
        seen: set[str] = set()
        there: list[WorkerLink] = []
        for link in self._links.values():
            if link.worker_id not in seen:
                there.append(link)
                if link.worker_id:
                    seen.add(link.worker_id)
        return there

    @property
    def complete(self) -> bool:
        """All workers that there may be are connected: no other has what these do not have.

        An address that has never said hello is no worker, if its name has one that has: it may be another way there.
        """
        return not self._addresses.unknown and all(
            link.connected or self._is_spare(link) for link in self._links.values()
        )

    def start(self) -> None:
        """Connect to all, and stay connected; look names up."""
        for address, link in self._links.items():
            self._tasks[address] = asyncio.create_task(link.run())
        if self._addresses.names:
            self._resolving = asyncio.create_task(self._resolve())

    async def stop(self) -> None:
        """Leave all."""
        tasks = [*self._tasks.values(), *self._ending, *([self._resolving] if self._resolving else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stretch(self, percent: int) -> None:
        """See `WorkerLink.stretch`; of links to come, too."""
        self._percent = percent
        for link in self._links.values():
            link.stretch(percent)

    def _is_spare(self, link: WorkerLink) -> bool:
        together = self._addresses.together(link.address)
        others = [other for address, other in self._links.items() if address in together]
        return not link.standing.known and any(other.standing.known for other in others)

    async def _resolve(self) -> None:
        while True:
            self._lost.clear()
            await asyncio.gather(*(self._ask(entry) for entry in self._addresses.names))
            self._adjust()
            await asyncio.sleep(min(SOON_S, self._interval_s))
            if not self._addresses.unknown:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._interval_s - min(SOON_S, self._interval_s)):
                await self._lost.wait()
        except TimeoutError:
            pass

    async def _ask(self, entry: str) -> None:
        name = self._addresses.names[entry]
        try:
            self._addresses.found(entry, await self._look_up(name.host, name.port))
        except (OSError, UnicodeError) as error:  # UnicodeError: it can not be a name
            log.debug("The address of %s is not to be had: %s", name.host, error)

    def _adjust(self) -> None:
        """Make links to what is new, and end those that are named no more and not read."""
        wanted = self._addresses.all
        for address in wanted:
            if address not in self._links:
                self._add(address)
        for address, link in list(self._links.items()):
            link.standing.leaving = address not in wanted
            if link.standing.leaving and not (link.connected and link.streams):
                log.info("The worker at %s is named no more.", address)
                del self._links[address]
                self._end(self._tasks.pop(address))

    def _end(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)  # the loop itself may forget it before it has ended
        task.add_done_callback(self._ending.discard)
        task.cancel()

    def _add(self, address: str) -> None:
        link = self._links[address] = WorkerLink(address, self._timers, connect=self._connect)
        link.standing.on_lost = self._lost.set
        link.stretch(self._percent)
        if self._resolving:
            self._tasks[address] = asyncio.create_task(link.run())
