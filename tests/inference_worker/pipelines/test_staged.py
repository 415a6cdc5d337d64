import pytest

from inference_worker.engines.scripted import ScriptedEngine
from inference_worker.generation import Finished
from inference_worker.pipelines.staged import StagedEngine
from tests.inference_worker.pipelines.performances import make_asked, make_staged, tell
from tests.inference_worker.registries import make_request


async def test_a_request_without_a_pipeline_is_the_engines_own() -> None:
    told = await tell(make_staged(), make_request())
    assert told.sections == []
    assert told.ending == Finished("stop", 1, 3)


@pytest.mark.parametrize(("asked", "bound", "rounds"), [(0, 2, 2), (1, 3, 1), (9, 2, 2)])
async def test_rounds_are_as_many_as_asked_for_within_the_workers_bound(asked: int, bound: int, rounds: int) -> None:
    request = make_asked("agent_multi", {"verifier.1.text": "OBJECT", "verifier.2.text": "OBJECT"}, max_rounds=asked)
    told = await tell(make_staged(rounds=bound), request)
    assert sum(stage == "executor" and channel == "ANSWER" for channel, stage, _ in told.texts()) == rounds


async def test_it_is_to_others_what_the_engine_is() -> None:
    engine = ScriptedEngine({})
    staged = StagedEngine(engine, rounds=1)
    assert (staged.models, staged.capacity, staged.troubles) == (engine.models, engine.capacity, engine.troubles)
    await staged.close()
