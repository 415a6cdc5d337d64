"""Tickets that all edges share, in Redis or Valkey: one is good at whichever edge the next connection reaches.

No request is let in for want of an answer: a ticket that can not be looked up is refused as not to be checked now.
"""

import contextlib
from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from edge_proxy.access.tickets import MAX_UNUSED
from edge_proxy.core.errors import Code, Failure, Refused

PATIENCE_S = 0.5  # a person waits for the page: longer than for limits, which have another way
PREFIX = "token-relay:ticket"

# KEYS: the ticket, its owner's tickets; ARGV: value, name, life in ms, how many may be unused. By the server's clock.
PUT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[1] .. ':owner', KEYS[2], 'PX', ARGV[3])
return 1
"""
# KEYS: the ticket; ARGV: its name.
TAKE = """
local value = redis.call('GET', KEYS[1])
local tickets = redis.call('GET', KEYS[1] .. ':owner')
if tickets then redis.call('ZREM', tickets, ARGV[1]) end
redis.call('DEL', KEYS[1], KEYS[1] .. ':owner')
return value
"""


class SharedStore:
    """See `tickets.Store`.

    Args:
        url: redis://, rediss:// or unix://, with what is needed to log in.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._put = self._redis.register_script(PUT)
        self._take = self._redis.register_script(TAKE)

    async def put(self, name: str, value: str, *, owner: str, life_s: float) -> bool:
        """See `Store`.

        Raises:
            Refused: SERVER_BUSY: the server does not answer.
        """
        keys = [f"{PREFIX}:{name}", f"{PREFIX}s:{owner}"]
        return bool(await _answer(self._put(keys=keys, args=[value, name, round(1000 * life_s), MAX_UNUSED])))

    async def take(self, name: str) -> str | None:
        """See `Store`.

        Raises:
            Refused: SERVER_BUSY: the server does not answer.
        """
        return cast("str | None", await _answer(self._take(keys=[f"{PREFIX}:{name}"], args=[name])))

    async def close(self) -> None:
        """See `Store`."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()


async def _answer(call: Awaitable[object]) -> object:
    try:
        return await call
    except (RedisError, OSError, TimeoutError):
        raise Refused(Failure(Code.SERVER_BUSY, "Tickets can not be looked up at the moment.")) from None
