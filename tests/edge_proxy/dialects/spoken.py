"""All dialects, a row each: with the strict reader of its streams, and how many answers one can have."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

from edge_proxy.core.events import Event, Failed, Finished
from edge_proxy.dialects import DIALECTS
from edge_proxy.dialects.agent_chat import Turn
from edge_proxy.dialects.base import Dialect
from edge_proxy.dialects.openai import CHAT, COMPLETION, Answer
from tests.support.hearing import Hear, hear_ask, hear_lines, hear_native, hear_openai, hear_staged, hear_turn

GENERATION_ID = "w1-5c0fe2"
UNIX_S = 1_790_000_000.9


class Spoken(NamedTuple):
    """One dialect."""

    dialect: Dialect
    hear: Hear
    max_answers: int = 1


READERS: Mapping[str, Hear] = {"native": hear_native, "json_lines": hear_lines, "ask": hear_ask, "staged": hear_staged}
OPENAI = {
    "openai_chat": Answer(CHAT, 'ti"ny', int(UNIX_S)),
    "openai_chat_usage": Answer(CHAT, 'ti"ny', int(UNIX_S), include_usage=True),
    "openai_completion": Answer(COMPLETION, 'ti"ny', int(UNIX_S)),
    "openai_completion_usage": Answer(COMPLETION, 'ti"ny', int(UNIX_S), include_usage=True),
}
SPOKEN: dict[str, Spoken] = {
    # A dialect without a reader fails here, and with it all that is tested of dialects by their table.
    **{name: Spoken(dialect, READERS[name]) for name, dialect in DIALECTS.items()},
    "agent_chat": Spoken(Turn(session_id="s-1", message_id="m-1", reply_id="r-1", model='ti"ny'), hear_turn),
    **{name: Spoken(answer, hear_openai, max_answers=3) for name, answer in OPENAI.items()},
}


def spell(dialect: Dialect, answers: Sequence[Sequence[Event]], turns: Sequence[int] = (0,)) -> Iterator[bytes]:
    """A stream's writes, as an edge makes them: answers side by side, until all have finished or one has failed.

    Args:
        answers: The events of each, of which the last one ends it.
        turns: Who writes next: a number among those that still have something to write, over and over.
    """
    encoders = [dialect.encoder(GENERATION_ID, index) for index in range(len(answers))]
    yield b"".join(encoder.begin() for encoder in encoders)
    writing = [(encoder, iter(events)) for encoder, events in zip(encoders, answers, strict=True)]
    for turn in cycle(turns):
        encoder, events = writing[turn % len(writing)]
        event = next(events)
        yield encoder.encode(event, unix_s=UNIX_S)
        if isinstance(event, Failed):
            return
        if isinstance(event, Finished):
            del writing[turn % len(writing)]
            if not writing:
                break
    endings = [events[-1] for events in answers]
    yield dialect.end(GENERATION_ID, [end.outcome.usage for end in endings if isinstance(end, Finished)])
