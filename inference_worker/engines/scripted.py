"""An engine that is no model: deterministic text at a steady pace, with failures on request.

For tests, load and demonstrations. All streams are played by one scheduler with one timer, so that a thousand of them
cost a thousand list entries, not a thousand tasks that sleep.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Mapping

from inference_worker.engines.base import Finish, Model, Run, Sink
from inference_worker.engines.script import Options, Script, parse_options
from inference_worker.request import Request
from inference_worker.status import EngineError

MIN_SLEEP_S = 0.001  # tokens due within the same millisecond are made in one go
BURST_TOKENS = 256  # made for one stream before the others get their turn


class Player:
    """One request being played: what comes next, and when."""

    __slots__ = (
        "_begin",
        "_end",
        "_index",
        "_on_done",
        "_options",
        "_period_s",
        "_push",
        "_script",
        "due",
        "gone",
    )

    def __init__(
        self,
        request: Request,
        options: Options,
        *,
        push: Callable[[str], bool],
        on_done: Callable[[str | Exception], None],
        now: float,
    ) -> None:
        self._options = options
        self._script = Script(request)
        self._push = push
        self._on_done = on_done
        self._index = request.first_index
        self._end = min(options.tokens, request.max_tokens or options.tokens)
        self._period_s = 1 / options.tokens_per_second if options.tokens_per_second > 0 else 0.0
        self.gone = False  # nobody wants the rest
        # Absolute: token i is due at begin + i periods, however late the one before was.
        self._begin = now + options.first_token_delay_ms / 1000 - self._index * self._period_s
        self.due = self._begin + self._index * self._period_s

    def advance(self, now: float) -> bool:
        """Make the tokens that are due at `now`. False: there will be no more."""
        period, token = self._period_s, self._stamp if self._options.stamp else self._script.token
        for _ in range(BURST_TOKENS):
            index = self._index
            if index >= self._end or index in (self._options.fail_at, self._options.stall_at):
                return self._stop(index)
            if self.due > now:
                return True
            self._index = index + 1
            self.due = self._begin + self._index * period
            if not self._push(token(index)):
                self._on_done("length")
                return False
        return True

    def _stop(self, index: int) -> bool:
        if index == self._options.fail_at:
            self._on_done(EngineError(f"The script says to fail at token {index}."))
        elif index != self._options.stall_at:
            self._on_done("stop" if index >= self._options.tokens else "length")
        return False

    @staticmethod
    def _stamp(_index: int) -> str:
        return f" t{time.monotonic_ns()}"


class Scheduler:
    """Plays many requests from one queue, ordered by when each is due."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Player]] = []
        self._number = 0  # breaks ties, first come first served

    def add(self, player: Player) -> None:
        """Play `player` from its due time on."""
        self._number += 1
        heapq.heappush(self._queue, (player.due, self._number, player))

    def advance(self, now: float) -> float | None:
        """Make all tokens that are due at `now`; when to be called again, None for not at all."""
        queue = self._queue
        while queue and queue[0][0] <= now:
            _, number, player = queue[0]
            if not player.gone and player.advance(now):
                heapq.heapreplace(queue, (max(player.due, now + MIN_SLEEP_S), number, player))
            else:
                heapq.heappop(queue)
        return queue[0][0] if queue else None


class ScriptedEngine:
    """The scheduler, driven by the event loop's clock."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.models = (Model(name="scripted", engine="scripted", supports_continue=True),)
        self._defaults = parse_options(options, Options())
        self._scheduler = Scheduler()
        self._timer: asyncio.TimerHandle | None = None

    async def prepare(self, request: Request) -> Run:
        """Check the options."""
        options = parse_options(request.engine_options, self._defaults)

        async def run(sink: Sink) -> Finish:
            return await self._play(request, options, sink)

        return run

    async def close(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    async def _play(self, request: Request, options: Options, sink: Sink) -> Finish:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str | Exception] = loop.create_future()

        def finish(outcome: str | Exception) -> None:
            if not done.done():  # cancelled, and this task has not yet run to say that it is gone
                done.set_result(outcome)

        player = Player(request, options, push=sink.push, on_done=finish, now=loop.time())
        self._scheduler.add(player)
        self._tick()
        try:
            outcome = await done
        finally:
            player.gone = True
        if isinstance(outcome, Exception):
            raise outcome
        words = " ".join([request.raw_prompt, *(m.content for m in request.messages)]).split()
        return Finish(outcome, prompt_tokens=len(words))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer:
            self._timer.cancel()
        due = self._scheduler.advance(loop.time())
        self._timer = loop.call_at(due, self._tick) if due is not None else None
