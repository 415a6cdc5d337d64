"""A generation's log: all that an engine has said, numbered, so that a reader is just an index.

    appended by the engine       entry 0   entry 1   entry 2   ...   then one ending
    labelled, where it must be   reasoning           answer
    read by anyone, from any     ---------------------^ index 2: "everything since"

From this one structure follow streaming (read from 0), resuming (read from n), two readers of one answer, back pressure
(a slow reader stands further behind, nothing is queued for it) and batching (take all since the index as one string).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from inference_worker.label import Label
from inference_worker.request import Piece
from inference_worker.status import Failed


@dataclass(frozen=True, slots=True)
class Finished:
    """The ending of a generation that is complete.

    `finish_reason` is as in OpenAI's API: "stop" (the model or a stop string ended it), "length" (a limit did),
    "tool_calls" or "content_filter".
    """

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


Ending = Finished | Failed

LABEL_CHARS = 64  # what a label counts towards a log's size, besides its text


class Section(NamedTuple):
    """Entries under one label, from the index `start` on."""

    start: int
    label: Label


class GenerationLog:
    """An append-only list of text entries, closed with exactly one ending.

    Args:
        first_index: The index of the first entry; more than 0 when another worker made those before, and they are
            not known here.
        max_chars: Appending says stop once this much text is held.
    """

    __slots__ = ("_announced", "_chars", "_entries", "_max_chars", "_watchers", "ending", "first_index", "sections")

    def __init__(self, *, first_index: int = 0, max_chars: int) -> None:
        self.first_index = first_index
        self.ending: Ending | None = None
        self.sections: list[Section] = []  # in order; entries before the first, or all, are the answer
        self._max_chars = max_chars
        self._chars = 0
        self._entries: list[str] = []
        self._watchers: list[Callable[[], None]] = []
        self._announced = False  # watchers know that there is news; they need not be told again before someone reads

    @property
    def next_index(self) -> int:
        """The index that the next entry gets."""
        return self.first_index + len(self._entries)

    @property
    def chars(self) -> int:
        """The length of all text held."""
        return self._chars

    def append(self, text: str) -> bool:
        """Add an entry. False: the log is full or closed, make no more."""
        if self.ending is not None:
            return False
        self._entries.append(text)
        self._chars += len(text)
        if not self._announced:
            self._announced = True
            for notify in self._watchers:
                notify()
        return self._chars < self._max_chars

    def seed(self, pieces: Iterable[Piece]) -> None:
        """Hold what another worker has said, so that a reader may stand at the end of each piece."""
        for text, next_index, label in pieces:
            if label:
                self.label(label)
            self._entries += [text, *[""] * (next_index - self.next_index - 1)]
            self._chars += len(text)

    def label(self, label: Label) -> None:
        """Say what the entries from here on are."""
        if self.sections and self.sections[-1].start == self.next_index:
            self.sections.pop()  # nothing was said under it
        self.sections.append(Section(self.next_index, label))
        self._chars += LABEL_CHARS + label.chars

    def section_at(self, index: int) -> Section | None:
        """The section that the entry of that index is in; None: it is the answer, without a label."""
        place = bisect_right(self.sections, index, key=_start)
        return self.sections[place - 1] if place else None

    def close(self, ending: Ending) -> None:
        """End the log; a second ending is ignored, because the first is what readers may have seen."""
        if self.ending is None:
            self.ending = ending
            for notify in tuple(self._watchers):
                notify()

    def read(self, index: int, *, max_chars: int) -> tuple[str, int]:
        """The text from `index` on, up to about `max_chars` and to the next label, and the index behind it.

        Whole entries only, at least one if there is one; ("", index) when there is no news.
        """
        self._announced = False
        entries = self._entries[index - self.first_index : self._section_end(index) if self.sections else None]
        text = "".join(entries)
        if len(text) <= max_chars:
            return text, index + len(entries)
        count = length = 0
        for entry in entries:
            if count and length + len(entry) > max_chars:
                break
            length += len(entry)
            count += 1
        return text[:length], index + count

    def _section_end(self, index: int) -> int | None:
        """The place among the entries at which the section of `index` ends; None if it has not."""
        place = bisect_right(self.sections, index, key=_start)
        return self.sections[place].start - self.first_index if place < len(self.sections) else None

    def before(self, index: int) -> str:
        """All text before `index`, as far as it is held."""
        return "".join(self._entries[: index - self.first_index])

    def watch(self, notify: Callable[[], None]) -> None:
        """Call `notify` when there is something to read: at the first entry since a read, and at the ending."""
        self._watchers.append(notify)

    def unwatch(self, notify: Callable[[], None]) -> None:
        """Stop calling `notify`."""
        self._watchers.remove(notify)


def _start(section: Section) -> int:
    return section.start
