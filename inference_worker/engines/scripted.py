"""An engine that is no model: deterministic text at a steady pace, with failures on request.

For tests, load and demonstrations. All streams are played by one scheduler with one timer, so that a thousand of them
cost a thousand list entries, not a thousand tasks that sleep.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from inference_worker.engines.base import NO_TROUBLES, Finish, Model, Run, Sink, refuse_extras
from inference_worker.engines.script import Options, parse_options, script
from inference_worker.label import Label
from inference_worker.request import Request
from inference_worker.slots import SlotQueue
from inference_worker.status import EngineError

SLOT_S = 0.005  # tokens due within the same 5 ms are made in one go, at its end; a stream's first at once
ROUNDING_S = 1e-6  # what is due so soon is due: instants that should be equal differ in their last digits
BURST_TOKENS = 1024  # made for one stream before the others get their turn


class Player:
    """One request being played: what comes next, and when."""

    __slots__ = (
        "_index",
        "_on_done",
        "_options",
        "_period_s",
        "_push",
        "_script",
        "_stop_at",
        "_token",
        "due",
        "gone",
    )

    def __init__(
        self,
        request: Request,
        options: Options,
        *,
        sink: Sink,
        on_done: Callable[[str | EngineError], None],
        now: float,
    ) -> None:
        self._options = options
        self._script = script(request, options)
        self._token = self._stamp if options.stamp else self._script.token
        self._push = sink.push
        self._on_done = on_done
        self._index = request.first_index
        tokens = self._script.tokens
        end = max(self._index, min(tokens, request.max_tokens or tokens))
        self._stop_at = min(at for at in (end, options.fail_at, options.stall_at) if at >= self._index)
        if self._script.labels:
            self._token = _labelled(self._token, self._script.labels, sink, first=self._index)
        self._period_s = 1 / options.tokens_per_second if options.tokens_per_second > 0 else 0.0
        self.gone = False  # nobody wants the rest
        self.due = now + options.first_token_delay_ms / 1000  # of the next token

    def advance(self, now: float) -> bool:
        """Make the tokens that are due at `now`. False: there will be no more."""
        push, token, period, soon = self._push, self._token, self._period_s, now + ROUNDING_S
        index, due = self._index, self.due
        until = self._stop_at if period else min(self._stop_at, index + BURST_TOKENS)
        while due <= soon and index < until:
            if not push(token(index)):
                self._on_done("length")
                return False
            index += 1
            due += period  # absolute: however late the token before was
        self._index, self.due = index, due
        return index < self._stop_at or self._stop(index)

    def _stop(self, index: int) -> bool:
        """Say how it ended. Always False."""
        if index == self._options.fail_at:
            self._on_done(EngineError(f"The script says to fail at token {index}."))
        elif index != self._options.stall_at:
            self._on_done(self._script.finish_reason if index >= self._script.tokens else "length")
        return False

    @staticmethod
    def _stamp(_index: int) -> str:
        return f" t{time.monotonic_ns()}"


def _labelled(
    token: Callable[[int], str], labels: Mapping[int, Label], sink: Sink, *, first: int
) -> Callable[[int], str]:
    """The same tokens, of which the sink is told what they are."""
    # Of those before the first token, the last counts: another worker began what goes on here.
    at = {max(place, first): label for place, label in sorted(labels.items())}

    def labelled(index: int) -> str:
        if index in at:
            sink.label(at[index])
        return token(index)

    return labelled


class Scheduler:
    """Plays many requests from one queue, by when each is due."""

    def __init__(self) -> None:
        self._queue: SlotQueue[Player] = SlotQueue(slot_s=SLOT_S)

    def add(self, player: Player, now: float) -> None:
        """Play `player`: what is due at once, and the rest in its time."""
        if player.due > now or player.advance(now):
            self._queue.add(player, max(player.due, now))

    def advance(self, now: float) -> float | None:
        """Make all tokens that are due at `now`; when to be called again, None for not at all."""
        queue, soon = self._queue, now + ROUNDING_S
        for player in queue.pop(now):
            if not player.gone and player.advance(now):
                queue.add(player, player.due if player.due > soon else soon)  # behind now: others get their turn
        return queue.next()


class ScriptedEngine:
    """The scheduler, driven by the event loop's clock."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.capacity = 0
        self.models = (Model(name="scripted", engine="scripted", supports_continue=True),)
        parse_options(options, Options())  # which are right from now on
        self._given = dict(options)
        self._scheduler = Scheduler()
        self._timer: asyncio.TimerHandle | None = None

    troubles = NO_TROUBLES

    async def prepare(self, request: Request) -> Run:
        """Check the options."""
        given = self._given | request.engine_options  # both, because either may name stages
        options = parse_options(given, Options(), stage=request.stage, turn=request.round)
        if not options.tool_call:
            refuse_extras(request, engine="scripted")

        async def run(sink: Sink) -> Finish:
            return await self._play(request, options, sink)

        return Run(run)

    async def close(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    async def _play(self, request: Request, options: Options, sink: Sink) -> Finish:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str | EngineError] = loop.create_future()

        def finish(outcome: str | EngineError) -> None:
            if not done.done():  # cancelled, and this task has not yet run to say that it is gone
                done.set_result(outcome)

        player = Player(request, options, sink=sink, on_done=finish, now=loop.time())
        self._scheduler.add(player, loop.time())
        self._tick()
        try:
            outcome = await done
        finally:
            player.gone = True
        if isinstance(outcome, EngineError):
            raise EngineError(*outcome.args)  # not this one: it would hold its frame, and the frame holds it
        words = " ".join([request.raw_prompt, *(m.content for m in request.messages)]).split()
        return Finish(outcome, prompt_tokens=len(words))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer:
            self._timer.cancel()
        due = self._scheduler.advance(loop.time())
        self._timer = loop.call_at(due, self._tick) if due is not None else None
