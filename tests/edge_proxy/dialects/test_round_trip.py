"""Whatever events go into a dialect, its strict reader gets the same out of the bytes, however these are cut.

`make prove` tries ten thousand streams of each dialect.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import (
    ANSWER,
    Channel,
    Delta,
    Event,
    Failed,
    Finished,
    Label,
    Outcome,
    Ping,
    ToolCall,
    Usage,
)
from protos import inference_pb2 as pb
from tests.edge_proxy.dialects.spoken import READERS, SPOKEN, Spoken, spell
from tests.support.hearing import Heard

EXAMPLES = max(300, settings().max_examples)  # the profile's, if that asks for more
# What ends lines, strings or text for somebody: a stream of any other characters is dull.
AWKWARD = '\r\n\0\x0b\x0c\x1c\x85\u2028\u2029\ufeff\ufffd"\\/:{}[] \t<&é猫🦉\U0010ffff\x7f\u200d\u0301'

texts = st.one_of(st.text(max_size=20), st.text(AWKWARD, max_size=20))
CALL = Label(Channel.TOOL_CALL, tool_call=ToolCall(0, "call_1", "find"))

steps = st.integers(1, 5_000)
outcomes = st.builds(Outcome, texts.filter(bool), st.builds(Usage, st.integers(0, 2**40), st.integers(0, 2**40)))
failures = st.builds(Failure, st.sampled_from(Code), texts)


def make_answer(
    pieces: Sequence[tuple[str, int, Label] | None], last: tuple[str, int], ending: Outcome | Failure
) -> list[Event]:
    """Events as the pacer makes them: indices rise with the text, and one ending is last."""
    events: list[Event] = []
    index = 0
    for piece in pieces:
        if piece:
            index += piece[1]
            events.append(Delta(piece[0], index, piece[2]))
        else:
            events.append(Ping())
    text, step = last
    if isinstance(ending, Outcome):
        events.append(Finished(text, index + step if text else index, ending))
    else:
        events.append(Failed(ending, index))
    return events


labels = st.sampled_from([ANSWER, ANSWER, ANSWER, Label(Channel.REASONING), CALL])
said = st.tuples(texts, steps, labels)
pieces = st.lists(st.one_of(said, said, st.none()), max_size=8)
answers = st.builds(make_answer, pieces, st.tuples(texts, steps), st.one_of(outcomes, failures))


def written(answers: Sequence[Sequence[Event]], turns: Sequence[int]) -> list[list[Event]]:
    """The events that are written before a failure ends them all, by the rule that `spell` goes by."""
    left = [list(events) for events in answers]
    out: list[list[Event]] = [[] for _ in answers]
    number = 0
    while waiting := [index for index, events in enumerate(left) if events]:
        index = waiting[turns[number % len(turns)] % len(waiting)]
        number += 1
        out[index].append(left[index].pop(0))
        if isinstance(out[index][-1], Failed):
            break
    return out


def is_answer(event: Event) -> bool:
    """Whether its text is the answer's."""
    return isinstance(event, Finished) or (isinstance(event, Delta) and event.label is ANSWER)


def expected(answers: Sequence[Sequence[Event]]) -> Heard:
    """What a client must learn, if the dialect says all there is."""
    events = [event for answer in answers for event in answer]
    ends = [event for event in events if isinstance(event, Finished)]
    heard = Heard([[e.text for e in answer if is_answer(e) and e.text] for answer in answers])  # type: ignore[union-attr]
    heard.thought, heard.called = [
        "".join(event.text for event in events if isinstance(event, Delta) and event.label.channel is channel)
        for channel in (Channel.REASONING, Channel.TOOL_CALL)
    ]
    # An ending counts as an entry; what is told of it before the end has the index before.
    heard.indices = [
        event.cursor if isinstance(event, Finished | Failed) else event.next_index
        for event in events
        if not isinstance(event, Ping)
    ]
    heard.pings = sum(isinstance(event, Ping) for event in events)
    for event in events:
        if isinstance(event, Failed):
            heard.failure = event.failure.message, event.failure.code
            return heard
    heard.reasons = [end.outcome.finish_reason for end in ends]
    usages = [end.outcome.usage for end in ends]
    heard.usage = max(u.prompt_tokens for u in usages), sum(u.completion_tokens for u in usages)
    return heard


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """The data in pieces that begin at these numbers, as far as there is data."""
    places = sorted({0, *(place % len(data) for place in at)})
    return [data[begin:end] for begin, end in pairwise([*places, len(data)])]


def same(heard: Heard, all_there_is: Heard) -> None:
    """Assert that what the dialect says is true; what it does not say is None."""
    unheard = len(all_there_is.texts) - len(heard.texts)  # a failure can come before a completion's first chunk
    assert heard.texts + [[]] * unheard == all_there_is.texts
    assert heard.reasons == all_there_is.reasons
    if heard.indices and len(heard.indices) > len(all_there_is.indices or ()):
        del heard.indices[-2]  # the last text, told apart from the end
    assert heard.indices in (None, all_there_is.indices)
    assert heard.thought in (None, all_there_is.thought)
    assert heard.called in (None, all_there_is.called)
    assert heard.pings in (None, all_there_is.pings)
    assert heard.usage in (None, all_there_is.usage)
    if heard.failure and all_there_is.failure:
        assert heard.failure[0] == all_there_is.failure[0]
        assert heard.failure[1] in (None, all_there_is.failure[1])
    else:
        assert heard.failure == all_there_is.failure


def round_trip(spoken: Spoken) -> Callable[[], None]:
    """The property that a dialect is to have; the fuzzer tries it, too."""

    @settings(max_examples=EXAMPLES)
    @given(
        answers=st.lists(answers, min_size=1, max_size=spoken.max_answers),
        turns=st.lists(st.integers(0, 5), min_size=1, max_size=6) if spoken.max_answers > 1 else st.just([0]),
        places=st.lists(st.integers(0, 3_000), max_size=12),
    )
    def holds(answers: list[list[Event]], turns: list[int], places: list[int]) -> None:
        data = b"".join(spell(spoken.dialect, answers, turns))
        same(spoken.hear(cut(data, places)), expected(written(answers, turns)))

    return holds


@pytest.mark.parametrize("spoken", SPOKEN.values(), ids=SPOKEN)
def test_any_events_come_out_as_they_went_in_however_the_bytes_are_cut(spoken: Spoken) -> None:
    round_trip(spoken)()


@pytest.mark.parametrize("spoken", SPOKEN.values(), ids=SPOKEN)
def test_a_stream_that_comes_byte_by_byte_says_the_same(spoken: Spoken) -> None:
    answer = make_answer(
        [(AWKWARD, 3, ANSWER), None, ("\r\n\r\n", 1, CALL), (AWKWARD, 1, Label(Channel.REASONING))],
        ("\n", 1),
        Outcome("stop", Usage(1, 5)),
    )
    data = b"".join(spell(spoken.dialect, [answer]))
    same(spoken.hear([data[at : at + 1] for at in range(len(data))]), expected([answer]))


def test_every_reader_has_its_dialect() -> None:
    assert set(READERS) <= set(SPOKEN)


def test_text_from_a_worker_has_no_half_of_a_surrogate_pair() -> None:
    """So that none is tried above: what carries the text from there can not carry one."""
    with pytest.raises((UnicodeEncodeError, ValueError)):
        pb.StreamChunk(delta="\ud800").SerializeToString()
