"""What the scripted engine plays: a text that is a pure function of prompt, seed and index, and its options."""

import json
import mimetypes
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from inference_worker.label import ANSWER, Channel, Label, ToolCall
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
    echo: bool = False  # the text is what was said last, to its end
    reasoning: int = 0  # so many tokens are reasoning, before the answer
    tool_call: bool = False  # instead of text, a call of the first tool that the request names
    text: str = ""  # the text is this, to its end
    media: str = ""  # before the answer, a reference to content at this address


def parse_options(given: Mapping[str, str], defaults: Options, *, stage: str = "", turn: int = 0) -> Options:
    """The defaults with what was given put over them.

    An option counts for one stage of a staged answer if the stage's name stands before it ("verifier.text"), and for
    one of that stage's turns if its number does, too ("verifier.2.text").

    Args:
        given: By names.
        defaults: What counts without them.
        stage: The stage that asks, if one does.
        turn: The how manyeth time it asks.

    Raises:
        Refused: A name that is no option, or a value that is none for it.
    """
    changes: dict[tuple[int, str], Any] = {}
    for name, text in given.items():
        scope, _, option = name.rpartition(".")
        if option not in KINDS:
            raise invalid(f"engine_options.{name}", f"The scripted engine's options are {', '.join(KINDS)}.")
        value = _value(name, text, KINDS[option])
        scopes = ("", stage, f"{stage}.{turn}")
        if scope in scopes:
            changes[scopes.index(scope), option] = value
    return replace(defaults, **{option: changes[scope, option] for scope, option in sorted(changes)})


def _value(name: str, text: str, kind: type) -> float | bool | str:
    if kind is str:
        return text
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


KINDS = {item.name: type(getattr(Options(), item.name)) for item in fields(Options)}


class Script(NamedTuple):
    """What one request is answered with. Token i depends on the request and i alone: any worker can go on at any i."""

    token: Callable[[int], str]
    tokens: int
    finish_reason: str = "stop"  # of the whole of it
    labels: Mapping[int, Label] = {}  # from which token on they count


def script(request: Request, options: Options) -> Script:
    """The script that the options ask for."""
    said = request.messages[-1].content if request.messages else request.raw_prompt
    if options.tool_call:
        pieces = _cut(json.dumps({"query": said}))
        call = ToolCall(0, f"call_{zlib.crc32(said.encode()):08x}", _tool_name(request.extras.get("tools")))
        return Script(pieces.__getitem__, len(pieces), "tool_calls", {0: Label(Channel.TOOL_CALL, tool_call=call)})
    labels = {0: Label(Channel.REASONING), options.reasoning: ANSWER} if options.reasoning > 0 else {}
    if options.echo or options.text:
        pieces = _cut(options.text or said)
        return Script(pieces.__getitem__, len(pieces), labels=labels)
    if options.media:
        return _with_media(options.media, _words(request), options.tokens)
    return Script(_words(request), options.tokens, labels=labels)


def _with_media(url: str, word: Callable[[int], str], tokens: int) -> Script:
    media = json.dumps({"url": url, "mediaType": mimetypes.guess_type(url)[0] or "application/octet-stream"})
    labels = {0: Label(Channel.MEDIA), 1: ANSWER}
    return Script(lambda index: word(index) if index else media, tokens, labels=labels)


def _words(request: Request) -> Callable[[int], str]:
    source = request.raw_prompt or "\n".join(f"{m.role}: {m.content}" for m in request.messages)
    start = zlib.crc32(source.encode(), request.seed or 0)

    def token(index: int) -> str:
        """A space and a word."""
        # Knuth's multiplicative hash spreads neighbouring indices over the words.
        mixed = (start + index) * 2_654_435_761 & 0xFFFF_FFFF
        return " " + WORDS[(mixed >> 16) % len(WORDS)]

    return token


def _cut(text: str) -> list[str]:
    """Tokens of three characters."""
    return [text[place : place + 3] for place in range(0, len(text), 3)]


def _tool_name(tools: Any) -> str:
    """What the first tool is called. A script need not mind what else a request says of it."""
    try:
        return str(tools[0]["function"]["name"])
    except (TypeError, KeyError, IndexError):
        return "look_up"
