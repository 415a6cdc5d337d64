import subprocess
import sys
from pathlib import Path

import pytest

from inference_worker.engines import BUNDLED_MODEL, ENGINES
from inference_worker.engines.config import EngineConfig, Upstream
from inference_worker.engines.scripted import ScriptedEngine
from inference_worker.request import Request
from inference_worker.status import EngineError, Refused
from tests.inference_worker.engines.list_sink import ListSink


def config(model: str = "", **options: str) -> EngineConfig:
    upstream = Upstream("http://127.0.0.1:1/v1", "", 2, 1, 5.0, streams=True, continues=False)
    return EngineConfig(model=model, slots=1, threads=1, context_tokens=64, options=options, upstream=upstream)


def test_the_table_knows_its_engines() -> None:
    assert list(ENGINES) == ["llamacpp", "scripted", "openai"]


async def test_scripted_takes_its_options() -> None:
    engine = ENGINES["scripted"](config(tokens="2", tokens_per_second="0"))
    assert isinstance(engine, ScriptedEngine)
    sink = ListSink()
    await (await engine.prepare(Request(raw_prompt="x"))).play(sink)
    assert len(sink.tokens) == 2


def test_scripted_refuses_options_that_it_does_not_have() -> None:
    with pytest.raises(Refused):
        ENGINES["scripted"](config(colour="red"))


async def test_llamacpp_runs_the_bundled_model_if_none_is_given() -> None:
    engine = ENGINES["llamacpp"](config())
    assert [(model.name, model.engine, model.context_tokens) for model in engine.models] == [("tiny", "llamacpp", 64)]
    assert BUNDLED_MODEL.is_file()
    await engine.close()


def test_llamacpp_without_its_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing\.gguf"):
        ENGINES["llamacpp"](config(model=str(tmp_path / "nothing.gguf")))


def test_an_engine_is_imported_only_when_it_is_chosen() -> None:
    program = (
        "import sys, inference_worker.engines as e; print([n for n in ('xllamacpp', 'httpx') if n in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_openai_serves_the_models_that_are_named() -> None:
    engine = ENGINES["openai"](config("small, large"))
    assert [model.name for model in engine.models] == ["small", "large"]
    assert engine.capacity == 2


def test_openai_needs_a_name_or_a_service_that_lists_its_models() -> None:
    with pytest.raises(EngineError, match=r"WORKER_MODEL names no model, and http://127.0.0.1:1/v1/models lists none"):
        ENGINES["openai"](config())
