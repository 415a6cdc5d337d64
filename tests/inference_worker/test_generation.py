import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_worker.generation import Finished, GenerationLog
from inference_worker.label import ANSWER, Channel, Label
from inference_worker.status import Code, Failed

DONE = Finished("stop", 1, 2)
CANCELLED = Failed(Code.CANCELLED, "The generation was stopped.")


def make_log(*entries: str, first_index: int = 0, max_chars: int = 1_000) -> GenerationLog:
    log = GenerationLog(first_index=first_index, max_chars=max_chars)
    for entry in entries:
        log.append(entry)
    return log


def test_entries_are_numbered_from_the_first_index() -> None:
    log = make_log("a", "b", first_index=7)
    assert log.next_index == 9
    assert log.read(8, max_chars=100) == ("b", 9)


def test_held_text_is_counted_in_characters() -> None:
    assert make_log("é", "🦉", "ab").chars == 4


@pytest.mark.parametrize(
    ("index", "max_chars", "expected"),
    [
        pytest.param(0, 100, ("abcdef", 3), id="all from the beginning"),
        pytest.param(2, 100, ("def", 3), id="from the middle"),
        pytest.param(3, 100, ("", 3), id="nothing new at the end"),
        pytest.param(0, 6, ("abcdef", 3), id="exactly all that fits"),
        pytest.param(0, 5, ("abc", 2), id="whole entries only"),
        pytest.param(0, 3, ("abc", 2), id="exactly two entries"),
        pytest.param(0, 2, ("a", 1), id="no part of the second"),
        pytest.param(1, 1, ("bc", 2), id="one entry even if it is too long"),
    ],
)
def test_read_gives_whole_entries_up_to_a_size(index: int, max_chars: int, expected: tuple[str, int]) -> None:
    assert make_log("a", "bc", "def").read(index, max_chars=max_chars) == expected


@pytest.mark.parametrize("entries", [("abc",), ("x", "abc")], ids=["the only one", "the last one"])
def test_read_gives_a_last_entry_that_is_too_long(entries: tuple[str, ...]) -> None:
    count = len(entries)
    assert make_log(*entries).read(count - 1, max_chars=2) == ("abc", count)


def test_append_says_when_the_log_is_full() -> None:
    log = make_log(max_chars=4)
    assert [log.append("ab"), log.append("c"), log.append("d"), log.append("e")] == [True, True, False, False]


def test_a_full_log_keeps_what_it_is_given() -> None:
    assert make_log("ab", "cd", "ef", max_chars=2).read(0, max_chars=100) == ("abcdef", 3)


def test_nothing_is_appended_behind_the_ending() -> None:
    log = make_log("a")
    log.close(DONE)
    assert not log.append("b")
    assert log.read(0, max_chars=100) == ("a", 1)


@pytest.mark.parametrize("endings", [(DONE, CANCELLED), (CANCELLED, DONE)], ids=["finished", "failed"])
def test_the_first_ending_is_the_only_one(endings: tuple[Finished | Failed, ...]) -> None:
    log = make_log()
    told: list[object] = []
    log.watch(lambda: told.append(log.ending))
    for ending in endings:
        log.close(ending)
    assert log.ending == endings[0]
    assert told == [endings[0]]


def test_watchers_are_told_of_the_first_entry_since_a_read() -> None:
    log = make_log()
    told: list[int] = []
    log.watch(lambda: told.append(log.next_index))
    log.append("a")
    log.append("b")
    log.read(0, max_chars=100)
    log.append("c")
    assert told == [1, 3]


def test_who_stops_watching_is_told_no_more() -> None:
    log = make_log()
    told: list[str] = []
    stays, leaves = (lambda: told.append("stays")), (lambda: told.append("leaves"))
    log.watch(leaves)
    log.watch(stays)
    log.unwatch(leaves)
    log.append("a")
    assert told == ["stays"]


def test_a_watcher_may_leave_when_it_is_told_of_the_ending() -> None:
    log = make_log()
    told: list[str] = []

    def leave() -> None:
        told.append("leaves")
        log.unwatch(leave)

    log.watch(leave)
    log.watch(lambda: told.append("stays"))
    log.close(DONE)
    assert told == ["leaves", "stays"]


class Reader:
    """Reads only when it was told to, as all readers do."""

    def __init__(self, log: GenerationLog, index: int) -> None:
        self.begin = self.index = index
        self.text = ""
        self._log = log
        self._told = True  # a new reader looks at once
        log.watch(self.be_told)

    def be_told(self) -> None:
        self._told = True

    def read(self, max_chars: int) -> bool:
        """Take one piece; whether there may be more."""
        if not self._told:
            return False
        text, index = self._log.read(self.index, max_chars=max_chars)
        self._told = index > self.index
        self.text, self.index = self.text + text, index
        return self._told


# A step: text to append, or a reader's number and how much it may take.
STEPS = st.lists(st.one_of(st.text(max_size=4), st.tuples(st.integers(0, 1), st.integers(1, 12))), max_size=60)


@given(steps=STEPS, begins=st.tuples(st.integers(0, 20), st.integers(0, 20)), first_index=st.integers(0, 3))
def test_every_reader_sees_a_prefix_without_gaps(
    steps: list[str | tuple[int, int]], begins: tuple[int, int], first_index: int
) -> None:
    log = make_log(first_index=first_index)
    entries: list[str] = []
    readers: dict[int, Reader] = {}
    for step in steps:
        if isinstance(step, str):
            entries.append(step)
            log.append(step)
            continue
        number, max_chars = step
        if number not in readers:
            readers[number] = Reader(log, first_index + min(begins[number], len(entries)))
        reader = readers[number]
        reader.read(max_chars)
        assert reader.text == "".join(entries[reader.begin - first_index : reader.index - first_index])
    for reader in readers.values():
        while reader.read(1):
            pass
        assert reader.text == "".join(entries[reader.begin - first_index :])


THINKING = Label(Channel.REASONING)


def make_labelled() -> GenerationLog:
    """Two entries of reasoning, then three of the answer; the first index is 7."""
    log = make_log(first_index=7)
    log.label(THINKING)
    log.append("a")
    log.append("b")
    log.label(ANSWER)
    for text in ("c", "d", "e"):
        log.append(text)
    return log


def test_read_stops_at_a_label() -> None:
    log = make_labelled()
    assert log.read(7, max_chars=100) == ("ab", 9)
    assert log.read(8, max_chars=100) == ("b", 9)
    assert log.read(9, max_chars=100) == ("cde", 12)
    assert log.read(12, max_chars=100) == ("", 12)


def test_each_index_is_in_the_section_of_the_label_before_it() -> None:
    log = make_labelled()
    sections = [log.section_at(index) for index in range(7, 13)]
    assert [section and section.label for section in sections] == [THINKING] * 2 + [ANSWER] * 4


def test_entries_before_the_first_label_are_in_no_section() -> None:
    log = make_log("a")
    log.label(THINKING)
    log.append("b")
    assert log.section_at(0) is None
    assert log.read(0, max_chars=100) == ("a", 1)
    assert log.read(1, max_chars=100) == ("b", 2)


def test_a_label_under_which_nothing_is_said_is_none() -> None:
    log = make_log()
    log.label(THINKING)
    log.label(ANSWER)
    log.append("a")
    assert [section.label for section in log.sections] == [ANSWER]


def test_equal_labels_in_a_row_are_sections_of_their_own() -> None:
    log = make_log()
    for text in ("reading", "writing"):
        log.label(Label(Channel.PROGRESS))
        log.append(text)
    assert log.read(0, max_chars=100) == ("reading", 1)
    assert log.section_at(0) is not log.section_at(1)


def test_labels_count_towards_the_size() -> None:
    log = make_log(max_chars=1_000)
    for _ in range(30):
        log.label(Label(stage="planner"))
        log.append("")
    assert log.chars >= 1_000
    assert not log.append("")
