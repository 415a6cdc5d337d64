"""The engines, one row each. Imported only when chosen: a worker needs no other engine's libraries."""

from collections.abc import Callable
from pathlib import Path

from inference_worker.engines.base import Engine
from inference_worker.engines.config import EngineConfig

BUNDLED_MODEL = Path(__file__).parent.parent / "models" / "tiny.gguf"


def _llamacpp(config: EngineConfig) -> Engine:
    from inference_worker.engines.llamacpp import LlamaCppEngine  # noqa: PLC0415 - only when chosen
    from inference_worker.engines.pace import parse_bound  # noqa: PLC0415 - as above

    return LlamaCppEngine(
        Path(config.model) if config.model else BUNDLED_MODEL,
        slots=config.slots,
        threads=config.threads,
        context_tokens=config.context_tokens,
        tokens_per_second=parse_bound(config.options, 0),
    )


def _scripted(config: EngineConfig) -> Engine:
    from inference_worker.engines.scripted import ScriptedEngine  # noqa: PLC0415 - only when chosen

    return ScriptedEngine(config.options)


def _openai(config: EngineConfig) -> Engine:
    from inference_worker.engines.openai import OpenAIEngine  # noqa: PLC0415 - only when chosen

    names = [name.strip() for name in config.model.split(",") if name.strip()]
    return OpenAIEngine(names, config.upstream)


ENGINES: dict[str, Callable[[EngineConfig], Engine]] = {
    "llamacpp": _llamacpp,
    "scripted": _scripted,
    "openai": _openai,
}
