"""An engine around an engine: requests that name a pipeline are answered in stages, all others by that engine alone.

To the registry a staged answer is a run like any other, so that its log is paced, read again, moved, stopped and kept
like any other.
"""

from collections.abc import Mapping, Sequence

from inference_worker.engines.base import Engine, Model, Run
from inference_worker.pipelines.performance import Performance, RunCode
from inference_worker.pipelines.plans import PLANS
from inference_worker.pipelines.steps import Terms
from inference_worker.request import Request


class StagedEngine:
    """Any engine, with staged answers.

    Args:
        engine: Has the models.
        rounds: Of `agent_multi` at most.
    """

    def __init__(self, engine: Engine, *, rounds: int) -> None:
        self.run_code: RunCode | None = None  # none is run, until there is a way that is known to be safe
        self._engine = engine
        self._rounds = rounds

    @property
    def models(self) -> Sequence[Model]:
        """See `Engine`."""
        return self._engine.models

    @property
    def capacity(self) -> int:
        """See `Engine`. A staged answer takes one turn at a time, and so one place."""
        return self._engine.capacity

    @property
    def troubles(self) -> Mapping[str, int]:
        """See `Engine`."""
        return self._engine.troubles

    async def prepare(self, request: Request) -> Run:
        """See `Engine`."""
        if not request.pipeline:
            return await self._engine.prepare(request)
        rounds = min(request.max_rounds or self._rounds, self._rounds)
        terms = Terms(rounds, self.run_code is not None)
        performance = Performance(self._engine, request, PLANS[request.pipeline], terms=terms, run_code=self.run_code)
        await performance.prepare()
        return Run(performance.play, performance.drop)

    async def close(self) -> None:
        """See `Engine`."""
        await self._engine.close()
