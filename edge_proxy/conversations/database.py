"""A database that may be slow, locked, full or gone: what is asked of it is answered in time, or refused.

What is asked runs in a task of its own. Whoever asked may leave, or lose patience; the task goes on to the end of its
statement, and takes back what it did. A statement that is dropped in its midst would leave a cursor open, which keeps
SQLite's log from ever being shortened.
"""

import asyncio
import logging
from typing import TypeVar

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from edge_proxy.conversations.engines import Runner, Work
from edge_proxy.core.errors import Code, Failure, Refused

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Abandoned(Exception):
    """Nobody waits for it any more."""


class _Call:
    """One thing that is asked."""

    def __init__(self) -> None:
        self.abandoned = False

    def check(self) -> None:
        if self.abandoned:
            raise _Abandoned


class Database:
    """What is asked of it.

    Args:
        runner: Runs transactions.
    """

    def __init__(self, runner: Runner) -> None:
        self.troubled = False  # what was asked last could not be done
        self._runner = runner
        self._tasks: set[asyncio.Task[object]] = set()

    async def read(self, work: Work[T], *, limit_s: float) -> T:
        """What `work` finds, in a transaction of its own.

        Raises:
            Refused: DATABASE_UNAVAILABLE: it can not be done, or not in time; or what `work` refuses.
        """
        return await self._do(work, writes=False, limit_s=limit_s)

    async def write(self, work: Work[T], *, limit_s: float, urgent: bool = False) -> T:
        """The same for what writes: all of it is kept, or nothing. What is urgent goes before others that wait.

        Raises:
            Refused: As above.
        """
        return await self._do(work, writes=True, urgent=urgent, limit_s=limit_s)

    async def close(self) -> None:
        """Let what runs come to its end, and disconnect."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        await self._runner.close()

    async def attempt(self, work: Work[T], *, writes: bool, urgent: bool = False, limit_s: float) -> T:
        """The same, for who wants to know what went wrong.

        Raises:
            SQLAlchemyError, OSError: It can not be done; TimeoutError, which is one of the latter: not in time.
        """
        call = _Call()
        doing = self._runner.transact(work, writes=writes, urgent=urgent, check=call.check)
        task: asyncio.Task[T] = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(task)
        finally:
            call.abandoned = not task.done()

    async def _do(self, work: Work[T], *, writes: bool, urgent: bool = False, limit_s: float) -> T:
        try:
            result = await self.attempt(work, writes=writes, urgent=urgent, limit_s=limit_s)
        except IntegrityError:
            raise Refused(Failure(Code.CONFLICT)) from None  # somebody else was quicker
        except (SQLAlchemyError, OSError) as error:
            raise self._trouble(error) from None
        if self.troubled:
            self.troubled = False
            log.info("The database answers again.")
        return result

    def _over(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # which nobody may have waited for

    def _trouble(self, error: Exception) -> Refused:
        if not self.troubled:  # once, and not for each of a thousand turns
            self.troubled = True
            log.warning("The database can not be used: %s", brief(error))
        return Refused(Failure(Code.DATABASE_UNAVAILABLE))


def brief(error: BaseException) -> str:
    """An error in few words, without the values of a statement, which are what people have said."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no answer in time'}"[:300]
