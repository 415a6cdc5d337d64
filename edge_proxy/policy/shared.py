"""What callers have used, written down in Redis or Valkey, where all edges see it.

    SHARED --- no answer in time, or an error ---> ALONE --- an answer, at a try a second ---> SHARED

Alone, an edge goes by its own books, in which it has written down what it granted all along: limits still hold, but for
each edge by itself. No request fails for it, and each waits `EDGE_REDIS_TIMEOUT_MS` at most. A decision is one script
and so one round trip and atomic; its clock is the server's. An edge's streams count by leases, which it renews: when it
dies they are free again within `LEASE_S`.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from edge_proxy.core.quota import Amounts, Verdict
from edge_proxy.policy.books import OwnBooks, Read, Taken, Taking
from edge_proxy.policy.scripts import LEASE_S, key, limits_streams, members, settling_call, taking_call, text, verdict

log = logging.getLogger(__name__)

RETRY_S = 1.0
RENEW_S = LEASE_S / 3  # so that two renewals may fail
CONNECTIONS = 32
STOP_PATIENCE_S = 0.5  # for what is still to be written down


class SharedBooks:
    """Those of all edges that have the same server. See `Books`.

    Args:
        url: redis://, rediss:// or unix://, with what is needed to log in.
        own: What is written down here.
        clock: For tests: instants instead of the server's own.
        patience_s: So long it is waited for an answer.
    """

    def __init__(
        self,
        url: str,
        own: OwnBooks,
        clock: Callable[[], float] | None = None,
        *,
        patience_s: float,
    ) -> None:
        # When to wait no longer and when to try again is decided here; the library's own time-outs are a second net.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=10 * patience_s,
            socket_timeout=10 * patience_s,
            socket_connect_timeout=10 * patience_s,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self.away = False
        self._redis = Redis.from_pool(pool)
        self._scripts: dict[str, AsyncScript] = {
            name: self._redis.register_script(text(name)) for name in ("take", "settle", "renew")
        }
        self._own = own
        self._patience_s = patience_s
        self._clock = clock
        self._prefix = secrets.token_hex(4)
        self._numbers = count()
        self._try_at = 0.0  # not before, on the event loop's clock
        self._streams: dict[str, Taking] = {}  # that run, by the id of their request
        self._settling: dict[str, set[asyncio.Task[None]]] = {}  # by key
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Renew leases from now on."""
        self._renewing = asyncio.create_task(self._renew_always())

    async def stop(self) -> None:
        """Write down what is still to be, and leave."""
        if self._renewing:
            self._renewing.cancel()
        pending = [task for tasks in self._settling.values() for task in tasks]
        if pending:
            await asyncio.wait(pending, timeout=STOP_PATIENCE_S)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def take(self, taking: Taking) -> Taken:
        """See `Books`."""
        pending = self._settling.get(taking.key_id)
        if pending:  # who asks again when a stream has ended finds its place free
            await asyncio.wait(tuple(pending))
        shared_id = f"{self._prefix}{next(self._numbers):x}"
        answer = await self._call("take", *taking_call(taking, shared_id, self._now()))
        if answer is None:
            return self._own.take_now(taking)
        said = verdict(taking, answer)
        if not said.granted:
            return Taken(taking, said)
        if limits_streams(taking):
            self._streams[shared_id] = taking
        here = self._own.take_now(taking, anyway=True)
        # The instant is that of our own books: they are settled first, and by it. The server's has a field of its own.
        return Taken(taking, said._replace(at=here.verdict.at), shared_id, said.at)

    def settle(self, taken: Taken, used: Amounts, read: Read | None) -> None:
        """See `Books`."""
        self._own.settle(taken, used, read)
        if not taken.shared_id:
            return
        self._streams.pop(taken.shared_id, None)
        task = asyncio.create_task(self._settle(taken, used, read))
        tasks = self._settling.setdefault(taken.taking.key_id, set())
        tasks.add(task)
        task.add_done_callback(lambda _: self._settled(taken.taking.key_id, task))

    def _settled(self, key_id: str, task: "asyncio.Task[None]") -> None:
        tasks = self._settling[key_id]
        tasks.discard(task)
        if not tasks:
            del self._settling[key_id]

    async def _settle(self, taken: Taken, used: Amounts, read: Read | None) -> None:
        await self._call("settle", *settling_call(taken, used, read, self._now()))

    async def _renew_always(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self.renew()

    async def renew(self) -> None:
        """Have the streams that run here count for another lease."""
        by_key: dict[str, list[tuple[str, Taking]]] = {}
        for shared_id, taking in self._streams.items():
            by_key.setdefault(taking.key_id, []).append((shared_id, taking))
        for key_id, running in by_key.items():
            streams = [member for shared_id, taking in running for member in members(shared_id, taking)]
            await self._call("renew", [key(key_id, "streams")], [self._now(), LEASE_S, *streams])
            over = [one for one in running if one[0] not in self._streams]  # meanwhile: they may be there again by that
            for shared_id, taking in over:
                ended = Taken(taking._replace(quotas=()), Verdict(granted=True, standing=(), at=0.0), shared_id)
                await self._call("settle", *settling_call(ended, taking.asked, None, self._now()))

    def _now(self) -> str:
        return "" if self._clock is None else repr(self._clock())

    async def _call(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        """What the script says; None if nobody does."""
        loop = asyncio.get_running_loop()
        if self.away:
            if loop.time() < self._try_at:
                return None
            self._try_at = loop.time() + RETRY_S  # this is the try: nobody else waits for it
        try:
            answer = await _in_time(self._scripts[name](keys, arguments), self._patience_s)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._try_at = loop.time() + RETRY_S
            if not self.away:
                self.away = True
                log.warning(
                    "The server of shared limits is away (%s); limits hold for this process alone.", _say(error)
                )
            return None
        if self.away:
            self.away = False
            log.warning("The server of shared limits is there again.")
        return answer


async def _in_time(answer: Awaitable[Any], patience_s: float) -> Any:
    """The answer, if it comes in time.

    When this process is late itself, time-out and answer are seen in one turn of the event loop, and the answer counts;
    `asyncio.timeout` would cancel its reading.

    Raises:
        TimeoutError: It does not.
    """
    task = asyncio.ensure_future(answer)
    try:
        await asyncio.wait([task], timeout=patience_s)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


def _say(error: Exception) -> str:
    """An error in one line; those of the client's library say the address, never the password."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}" if str(error) else type(error).__name__
