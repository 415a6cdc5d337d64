"""The engines, one row each. Imported only when chosen: a worker needs no other engine's libraries."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from inference_worker.engines.base import Engine

BUNDLED_MODEL = Path(__file__).parent.parent / "models" / "tiny.gguf"


class EngineConfig(NamedTuple):
    """What any engine may be told by the worker's settings."""

    model: str
    slots: int
    threads: int
    context_tokens: int
    options: Mapping[str, str]


def _llamacpp(config: EngineConfig) -> Engine:
    from inference_worker.engines.llamacpp import LlamaCppEngine  # noqa: PLC0415 - only when chosen

    return LlamaCppEngine(
        Path(config.model) if config.model else BUNDLED_MODEL,
        slots=config.slots,
        threads=config.threads,
        context_tokens=config.context_tokens,
    )


def _scripted(config: EngineConfig) -> Engine:
    from inference_worker.engines.scripted import ScriptedEngine  # noqa: PLC0415 - only when chosen

    return ScriptedEngine(config.options)


ENGINES: dict[str, Callable[[EngineConfig], Engine]] = {
    "llamacpp": _llamacpp,
    "scripted": _scripted,
}
