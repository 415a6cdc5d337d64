"""Staged answers of the scripted engine, begun on one registry and gone on with on another."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from inference_worker.engines.base import Engine
from inference_worker.engines.scripted import ScriptedEngine
from inference_worker.generation import Ending, GenerationLog, Section
from inference_worker.label import Label
from inference_worker.pipelines.performance import RunCode
from inference_worker.pipelines.staged import StagedEngine
from inference_worker.registry import Registry
from inference_worker.request import Message, Piece, Request
from tests.inference_worker.registries import ending_of, make_registry, start
from tests.support.staged import ONE_OBJECTION, RIGHT, SINGLE

SCRIPTS = {"agent_multi": ONE_OBJECTION, "agent_single": SINGLE, "ask": {"text": RIGHT}}


class Told(NamedTuple):
    """One generation, over: each entry with the label it has, and the end."""

    entries: list[tuple[str, Label | None]]
    ending: Ending
    sections: list[Section]

    def texts(self) -> list[tuple[str, str, str]]:
        """Channel, stage and text of each section."""
        ends = [section.start for section in self.sections[1:]] + [len(self.entries)]
        return [
            (label.channel.name, label.stage, "".join(text for text, _ in self.entries[begin:end]))
            for (begin, label), end in zip(self.sections, ends, strict=True)
        ]


def make_staged(
    run_code: RunCode | None = None, *, engine: Engine | None = None, rounds: int = 3, **limits: Any
) -> Registry:
    """A registry whose engine answers in stages."""
    staged = StagedEngine(engine or ScriptedEngine({}), rounds=rounds)
    staged.run_code = run_code
    return make_registry(staged, **limits)


def make_asked(pipeline: str, options: dict[str, str] | None = None, **changes: Any) -> Request:
    """A request for a staged answer, said as fast as it can be."""
    given = {"tokens_per_second": "0"} | SCRIPTS[pipeline] | (options or {})
    messages = changes.pop("messages", (Message("user", "What are two and two?"),))
    return Request(messages=messages, pipeline=pipeline, engine_options=given, **changes)


async def tell(registry: Registry, request: Request) -> Told:
    """All of the answer."""
    generation = await start(registry, request)
    async with asyncio.timeout(10):
        ending = await ending_of(generation)
    return Told(entries_of(generation.log), ending, list(generation.log.sections))


def entries_of(log: GenerationLog) -> list[tuple[str, Label | None]]:
    entries = []
    for index in range(log.next_index):
        section = log.section_at(index)
        text, _ = log.read(index, max_chars=1)
        entries.append((text if text else "", section.label if section else None))
    return entries


def cut(told: Told, index: int, *, every: int = 1) -> dict[str, Any]:
    """What a request has that goes on from there; a piece for so many entries, as an edge may put them together."""
    pieces: list[Piece] = []
    starts = {section.start: section.label for section in told.sections}
    texts: list[str] = []
    label: Label | None = None
    for place in range(index):
        label = starts.get(place, label) if not texts else label
        texts.append(told.entries[place][0])
        if place + 1 == index or place + 1 in starts or (place + 1) % every == 0:
            pieces.append(Piece("".join(texts), place + 1, label))
            texts, label = [], None
    text = "".join(piece.text for piece in pieces)
    return {"pieces": tuple(pieces), "continued_text": text, "first_index": index, "generation_id": "w0-1"}


def said_by(labels: Sequence[tuple[str, str, str]], channel: str) -> list[str]:
    return [text for name, _, text in labels if name == channel]
