"""One frame being filled, up to the size that an edge takes."""

from inference_worker.generation import Ending, Finished
from inference_worker.label import Label
from inference_worker.messages import finished, label_message, status
from inference_worker.status import Failed
from protos import inference_pb2 as pb

FRAME_CHARS = 48_000  # at most 4 bytes each: a full frame stays below the 256 KiB that an edge takes
ROW_CHARS = 4  # what a row of text costs besides its text: two numbers and a length
NOTE_CHARS = 24  # what an answer or an ending costs besides a failure's words


class FrameDraft:
    """What goes into the next frame. There is `room` for more until it is used up; the last piece may overdraw it."""

    __slots__ = ("_frame", "_indices", "_numbers", "_texts", "room")

    def __init__(self) -> None:
        self.room = FRAME_CHARS
        self._frame = pb.WorkerFrame()
        # Columns are gathered in lists: extending a message's field once costs less than appending to it.
        self._numbers: list[int] = []
        self._texts: list[str] = []
        self._indices: list[int] = []

    def add_text(self, number: int, text: str, next_index: int) -> None:
        """A row: a stream's new text, and the index behind it."""
        self._numbers.append(number)
        self._texts.append(text)
        self._indices.append(next_index)
        self.room -= len(text) + ROW_CHARS

    def add_label(self, label: Label) -> None:
        """The row that is added next has this label."""
        self._frame.labels.add(row=len(self._numbers), label=label_message(label))
        self.room -= NOTE_CHARS + label.chars

    def add_opened(self, opened: pb.Opened) -> None:
        """A stream begins."""
        self._frame.opened.append(opened)
        self.room -= NOTE_CHARS + len(opened.beginning.request) // 4 + len(opened.beginning.text)

    def add_refused(self, refused: pb.Refused) -> None:
        """A stream will not be."""
        self._frame.refused.append(refused)
        self.room -= NOTE_CHARS + len(refused.status.message) + len(refused.status.field)

    def add_ending(self, number: int, ending: Ending) -> None:
        """A stream ends."""
        if isinstance(ending, Finished):
            self._frame.endings.add(stream=number, finished=finished(ending))
        else:
            self._frame.endings.add(stream=number, failed=status(ending))
        self.room -= NOTE_CHARS + (len(ending.message) if isinstance(ending, Failed) else 0)

    def build(self) -> pb.WorkerFrame | None:
        """The frame; None when there is nothing in it."""
        if self.room == FRAME_CHARS:
            return None
        self._frame.text_stream.extend(self._numbers)
        self._frame.text.extend(self._texts)
        self._frame.text_next_index.extend(self._indices)
        return self._frame
