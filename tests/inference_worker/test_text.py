from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference_worker.label import ANSWER, Channel, Label
from inference_worker.text import TextStage

# Few letters, so that stop strings and their beginnings are often met; one of them is four bytes long.
ALPHABET = "ab🦉"
TEXTS = st.text(ALPHABET, max_size=30)
STOPS = st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=4)
CUTS = st.lists(st.integers(0, 30), max_size=12)  # twice the same place: a token that completes no character

Text = TypeVar("Text", str, bytes)


def cut(whole: Text, places: Sequence[int]) -> list[Text]:
    """The whole in pieces; two equal places make an empty one."""
    borders = [0, *sorted(min(place, len(whole)) for place in places), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(borders)]


class Stage(TextStage):
    """The stage in front of a list."""

    def __init__(self, *, stop: Sequence[str] = (), min_chunk_chars: int = 0) -> None:
        self.entries: list[str] = []
        self.labels: list[tuple[int, Label]] = []
        super().__init__(self._take, label=self._note, stop=stop, min_chunk_chars=min_chunk_chars)

    def _take(self, text: str) -> bool:
        self.entries.append(text)
        return True

    def _note(self, label: Label) -> None:
        self.labels.append((len(self.entries), label))

    def play(self, tokens: Sequence[str]) -> str:
        """Push tokens until the stage has enough, as an engine does; the text that came out."""
        all(self.push(token) for token in tokens)
        self.flush()
        return "".join(self.entries)


def up_to_first_stop(text: str, stop: Sequence[str]) -> str:
    """By definition: without the stop string that is complete first, the longest one if several are at once."""
    for end in range(len(text) + 1):
        complete = [len(s) for s in stop if text[:end].endswith(s)]
        if complete:
            return text[: end - max(complete)]
    return text


@given(text=TEXTS, places=CUTS, stop=STOPS, min_chunk_chars=st.integers(0, 8))
@example(text="aab", places=[1], stop=["ab"], min_chunk_chars=0)
@example(text="abab🦉", places=[2], stop=["abab", "ba"], min_chunk_chars=0)
def test_text_ends_before_the_first_stop_string_however_it_is_cut(
    text: str, places: list[int], stop: list[str], min_chunk_chars: int
) -> None:
    stage = Stage(stop=stop, min_chunk_chars=min_chunk_chars)
    expected = up_to_first_stop(text, stop)
    assert stage.play(cut(text, places)) == expected
    assert stage.stopped == (expected != text)


@given(text=TEXTS, places=CUTS, stop=STOPS)
def test_nothing_of_a_stop_string_leaks_before_it_is_complete(text: str, places: list[int], stop: list[str]) -> None:
    stage = Stage(stop=stop)
    for token in cut(text, places):
        more = stage.push(token)
        assert "".join(stage.entries) == up_to_first_stop(text, stop)[: len("".join(stage.entries))]
        if not more:
            break


@given(text=TEXTS, places=CUTS, stop=STOPS, min_chunk_chars=st.integers(0, 8))
def test_an_entry_is_one_token(text: str, places: list[int], stop: list[str], min_chunk_chars: int) -> None:
    tokens = cut(text, places)
    stage = Stage(stop=stop, min_chunk_chars=min_chunk_chars)
    for count, token in enumerate(tokens, 1):
        if not stage.push(token):
            break
        assert stage.tokens == count
        assert stage.entries == tokens[: len(stage.entries)]
    if not stage.stopped:
        stage.flush()
        assert stage.entries == tokens


def test_tokens_before_a_stop_string_are_entries_even_if_they_complete_no_character() -> None:
    stage = Stage(stop=["END"])
    stage.play(["", "猫E", "ND"])
    assert stage.entries == ["", "猫"]


@given(data=st.binary(max_size=20) | TEXTS.map(str.encode), places=CUTS, stop=st.just([]) | STOPS)
@example(data=b"abba" + "🦉".encode()[:3], places=[], stop=["bb"])
def test_bytes_cut_anywhere_become_their_text(data: bytes, places: list[int], stop: list[str]) -> None:
    stage = Stage(stop=stop)
    all(stage.push_bytes(token) for token in cut(data, places))
    stage.flush()
    assert "".join(stage.entries) == up_to_first_stop(data.decode(errors="replace"), stop)


def test_a_cut_character_leaves_when_it_is_whole() -> None:
    stage = Stage()
    seen = []
    for token in (b"a", b"\xf0\x9f", b"\xa6", b"\x89b"):
        stage.push_bytes(token)
        seen.append("".join(stage.entries))
    assert seen == ["a", "a", "a", "a🦉b"]
    assert stage.entries == ["a", "", "", "🦉b"]


def test_a_token_that_ends_within_a_character_waits_whole() -> None:
    stage = Stage()
    stage.push_bytes("a🦉".encode()[:3])
    assert stage.entries == []
    stage.push_bytes("a🦉b".encode()[3:])
    assert stage.entries == ["a", "🦉b"]


def test_a_token_waits_for_its_character_even_if_that_takes_two_more() -> None:
    stage = Stage()
    stage.push_bytes(b"a\xf0")
    stage.push_bytes(b"\x9f")
    assert stage.entries == []
    stage.push_bytes(b"\xa6\x89")
    assert stage.entries == ["a", "", "🦉"]


def test_an_invalid_byte_does_not_wait() -> None:
    stage = Stage()
    stage.push_bytes(b"\xff")
    assert stage.entries == ["\ufffd"]


def test_a_character_that_is_never_completed_is_no_entry_of_its_own() -> None:
    stage = Stage()
    stage.push_bytes("猫".encode()[:2])
    stage.flush()
    assert stage.entries == ["\ufffd"]
    assert stage.tokens == 1


def test_text_that_can_not_become_a_stop_string_does_not_wait() -> None:
    stage = Stage(stop=["END"])
    seen = []
    for token in (" a", " E", "N", "d", "\nE", "ND", "more"):
        more = stage.push(token)
        seen.append(("".join(stage.entries), more))
    texts = [" a", " a", " a", " a ENd", " a ENd", " a ENd\n"]
    assert seen[:6] == [(text, more) for text, more in zip(texts, [True] * 5 + [False], strict=True)]


def test_what_may_begin_a_stop_string_leaves_with_the_end() -> None:
    stage = Stage(stop=["END"])
    stage.push("the E")
    assert stage.entries == []
    stage.flush()
    assert stage.entries == ["the E"]
    assert not stage.stopped


def test_a_found_stop_string_asks_for_no_more_and_flush_adds_nothing() -> None:
    stage = Stage(stop=["END"])
    assert not stage.push("so END of it")
    stage.flush()
    assert stage.entries == ["so "]
    assert stage.stopped


@given(text=TEXTS, places=CUTS, chars=st.integers(2, 8))
def test_small_chunks_are_held_until_they_are_large_enough(text: str, places: list[int], chars: int) -> None:
    stage = Stage(min_chunk_chars=chars)
    for token in cut(text, places):
        before = len(stage.entries)
        stage.push(token)
        chunk = "".join(stage.entries[before:])
        assert not chunk or len(chunk) >= chars
    stage.flush()
    assert "".join(stage.entries) == text


@pytest.mark.parametrize("chars", [0, 1])
def test_without_a_minimum_each_token_leaves_by_itself(chars: int) -> None:
    stage = Stage(min_chunk_chars=chars)
    for count, token in enumerate(["a", " ", "b"], 1):
        stage.push(token)
        assert len(stage.entries) == count


@pytest.mark.parametrize("options", [{}, {"min_chunk_chars": 2}, {"stop": ["x"]}], ids=["plain", "chunks", "stop"])
def test_a_full_log_asks_for_no_more(options: dict[str, object]) -> None:
    stage = TextStage(lambda _: False, label=print, **options)  # type: ignore[arg-type]  # each option is one of the table above
    assert not stage.push("ab")


REASONING = Label(Channel.REASONING)


def test_what_is_held_leaves_before_the_label() -> None:
    stage = Stage(stop=["abc"], min_chunk_chars=50)
    stage.push("ab")
    stage.label(REASONING)
    assert stage.entries == ["ab"]
    assert stage.labels == [(1, REASONING)]


def test_stop_strings_and_chunk_sizes_are_the_answers() -> None:
    stage = Stage(stop=["ab"], min_chunk_chars=3)
    stage.label(REASONING)
    assert stage.push("a")
    assert stage.push("b")
    assert stage.entries == ["a", "b"]
    stage.label(ANSWER)
    assert stage.push("xa")
    assert not stage.push("b")
    stage.flush()
    assert stage.entries == ["a", "b", "x"]


def test_no_stop_string_spans_a_label() -> None:
    stage = Stage(stop=["ab"])
    stage.push("a")
    stage.label(REASONING)
    stage.label(ANSWER)
    assert stage.push("b")
    assert "".join(stage.entries) == "ab"


def test_half_a_character_before_a_label_is_none() -> None:
    stage = Stage()
    stage.push_bytes("猫".encode()[:2])
    stage.label(REASONING)
    stage.push_bytes("猫".encode())
    assert stage.entries == ["\ufffd", "猫"]
