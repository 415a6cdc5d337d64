"""What the scripted engine plays: a text that is a pure function of prompt, seed and index, and its options."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from inference_worker.request import Request
from inference_worker.status import invalid

# Mostly words, some of which are more than one byte a character, so that nothing downstream can live on ASCII alone.
TEXT = r"""
a the and of to in it was for on with as at by she he they water light river stone small quiet
morning evening garden letter window bridge paper silver market story answer question token stream
worker edge batch frame index café naïve straße señor 猫 河流 早上 🦉 🌊 “quoted” it's x=1; \n {json} <tag> &
"""
WORDS = tuple(TEXT.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a request can ask of the scripted engine, by `engine_options` of these names."""

    tokens_per_second: float = 50.0  # 0: as fast as they can be made
    tokens: int = 100  # the model "ends" after so many
    first_token_delay_ms: float = 0.0
    fail_at: int = -1  # the engine fails instead of making the token of this index
    stall_at: int = -1  # from this index on nothing comes, and the generation does not end
    stamp: bool = False  # each token is " t" and the instant it was made: CLOCK_MONOTONIC in nanoseconds


def parse_options(given: Mapping[str, str], defaults: Options) -> Options:
    """The defaults with what was given put over them.

    Raises:
        Refused: A name that is no option, or a value that is none for it.
    """
    kinds = {item.name: type(getattr(defaults, item.name)) for item in fields(Options)}
    changes: dict[str, Any] = {}
    for name, text in given.items():
        if name not in kinds:
            raise invalid(f"engine_options.{name}", f"The scripted engine's options are {', '.join(kinds)}.")
        changes[name] = _value(name, text, kinds[name])
    return replace(defaults, **changes)


def _value(name: str, text: str, kind: type) -> float | bool:
    if kind is bool:
        if text in ("true", "false"):
            return text == "true"
        raise invalid(f"engine_options.{name}", "The value is true or false.")
    try:
        number: float = kind(text)
    except ValueError:
        raise invalid(f"engine_options.{name}", f"The value is {'a whole' if kind is int else 'a'} number.") from None
    if not -1 <= number <= 1e9:
        raise invalid(f"engine_options.{name}", "The value is from 0 to a billion.")
    return number


class Script:
    """The text of one request: token i depends on prompt, seed and i alone, so that any worker can go on at any i."""

    __slots__ = ("_start",)

    def __init__(self, request: Request) -> None:
        source = request.raw_prompt or "\n".join(f"{m.role}: {m.content}" for m in request.messages)
        self._start = zlib.crc32(source.encode(), request.seed or 0)

    def token(self, index: int) -> str:
        """A space and a word."""
        # Knuth's multiplicative hash spreads neighbouring indices over the words.
        mixed = (self._start + index) * 2_654_435_761 & 0xFFFF_FFFF
        return " " + WORDS[(mixed >> 16) % len(WORDS)]
