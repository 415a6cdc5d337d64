"""One staged answer being carried out: the steps of its plan, one after another, into one log.

    step      what its log gets
    -------   -----------------------------------------------------------------------
    Ask       the model's text under the stage's label; then what the turn used, as a result
    Tell      a line of progress
    Execute   what came of the code, as a result
    the end   all that was made, as a result

A turn of the model is a request of its own to the engine, which knows nothing of stages; so is the rest of a turn that
another worker began.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, assert_never

from inference_worker.engines.base import Engine, Finish, Run, Sink
from inference_worker.label import Channel, Label
from inference_worker.pipelines.replay import Place, Tally, advance, own_label, replay, result_label, thought_label
from inference_worker.pipelines.results import Turn, entries, spell_execution, spell_made, spell_turn
from inference_worker.pipelines.steps import Ask, Execute, Execution, Made, Plan, Step, Tell, Terms
from inference_worker.request import Request
from inference_worker.status import Refused
from inference_worker.text import TextStage

RunCode = Callable[[str], Awaitable[Execution]]


class Voice:
    """What the model says in one turn: on to the log under the stage's labels, and kept for the next stages.

    Args:
        sink: Where it goes.
        step: The turn.
        place: What has been said of it already.
    """

    def __init__(self, sink: Sink, step: Ask, place: Place) -> None:
        self.full = False  # the sink wants no more
        self.entries = place.entries
        self.stage = TextStage(self._append, label=self._label)
        self._sink = sink
        self._own, self._thought = own_label(step), thought_label(step)
        self._texts = [place.said]
        self._thinks = False
        if not place.entries:
            sink.label(self._own)

    @property
    def text(self) -> str:
        """All of it, without what the model thought by itself."""
        return "".join(self._texts)

    def _append(self, text: str) -> bool:
        self.entries += 1
        if not self._thinks:
            self._texts.append(text)
        self.full = not self._sink.push(text) or self.full
        return not self.full

    def _label(self, label: Label) -> None:
        thinks = label.channel is not Channel.ANSWER
        if thinks is not self._thinks:
            self._thinks = thinks
            self._sink.label(self._thought if thinks else self._own)


class Performance:
    """One request's staged answer.

    Args:
        engine: Takes the model's turns.
        request: What was asked for.
        plan: The steps.
        terms: What they must keep to.
        run_code: Runs code, if `terms` has it that code may be run.

    Raises:
        Refused: It goes on with what is none of the plan's.
    """

    def __init__(self, engine: Engine, request: Request, plan: Plan, *, terms: Terms, run_code: RunCode | None) -> None:
        self._engine = engine
        self._request = request
        self._run_code = run_code
        self._made = Made()
        self._steps = plan(request.messages, terms, self._made)
        self._tally = Tally(request.max_tokens)
        self._place = replay(self._steps, request.pieces, self._tally)
        self._run: Run | None = None
        self._full = False

    async def prepare(self) -> None:
        """Have the engine check the turn that is first, if one is.

        Raises:
            Refused: It can not be taken.
        """
        if isinstance(self._place.step, Ask):
            self._run = await self._engine.prepare(self._asked(self._place.step))

    async def play(self, sink: Sink) -> Finish:
        """Carry out what is left; see `Run`."""
        tally = self._tally
        while self._place.step is not None and tally.left != 0 and not self._full:
            answer = await self._carry_out(self._place.step, sink)
            self._place = Place(advance(self._steps, answer))
        _say_result(sink, result_label(None), spell_made(self._made), before=self._place.results)
        reason = tally.finish_reason if self._place.step is None else "length"
        return Finish(reason, tally.prompt_tokens, tally.completion_tokens - self._request.first_index)

    def drop(self) -> None:
        """See `Run`."""
        run, self._run = self._run, None
        if run:
            run.drop()

    async def _carry_out(self, step: Step, sink: Sink) -> Any:
        """What comes of it."""
        match step:
            case Ask():
                return await self._ask(step, sink)
            case Tell(stage, text):
                sink.label(Label(Channel.PROGRESS, stage))
                self._full = not sink.push(text)
                return None
            case Execute(_, code):
                assert self._run_code  # noqa: S101 - else no plan asks for it
                ran = await self._run_code(code)
                _say_result(sink, result_label(step), spell_execution(code, ran), before=self._place.results)
                return ran
            case _:
                assert_never(step)

    async def _ask(self, step: Ask, sink: Sink) -> str:
        if self._run is None:
            self._run = await self._prepare_later(step)
        voice = Voice(sink, step, self._place)
        before = self._place.entries
        finish = await self._run.play(voice.stage)
        voice.stage.flush()
        self.drop()
        known = finish.completion_tokens
        turn = Turn(finish.reason, finish.prompt_tokens, voice.entries if known is None else before + known)
        self._tally.add(turn)
        self._full = voice.full
        _say_result(sink, result_label(step), spell_turn(turn))
        await asyncio.sleep(0)  # others' turn, where an engine has its answer at once
        return voice.text

    async def _prepare_later(self, step: Ask) -> Run:
        try:
            return await self._engine.prepare(self._asked(step))
        except Refused as refused:  # its field is none that the caller knows
            failed = refused.failed
            raise Refused(failed.code, f"Stage {step.stage}: {failed.message}") from refused

    def _asked(self, step: Ask) -> Request:
        """What the engine is asked in this turn."""
        left = self._tally.left
        return replace(
            self._request,
            pipeline="",
            messages=step.messages,
            max_tokens=left,
            continued_text=self._place.said,
            first_index=self._place.entries,
            pieces=(),
            min_chunk_chars=0,
            stage=step.stage,
            round=step.round,
        )


def _say_result(sink: Sink, label: Label, text: str, *, before: list[str] | None = None) -> None:
    """Say it, or the rest of it, if what was said of it before is its beginning."""
    said = "".join(before or [])
    if said and text.startswith(said):
        text = text[len(said) :]
    else:
        sink.label(label)
    for entry in entries(text):
        sink.push(entry)
