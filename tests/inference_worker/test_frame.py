"""What a frame takes, and what it comes to on the wire."""

from collections.abc import Callable

from inference_worker.frame import FRAME_CHARS, FrameDraft
from inference_worker.generation import Finished
from inference_worker.label import Label, ToolCall
from inference_worker.status import Code, Failed
from protos import inference_pb2 as pb

EDGE_TAKES_BYTES = 262_144
LARGEST = 2**32 - 1  # a stream number that takes the most bytes


def test_a_draft_of_nothing_is_no_frame() -> None:
    assert FrameDraft().build() is None


def test_rows_become_columns_of_equal_length() -> None:
    draft = FrameDraft()
    draft.add_text(1, "one", 5)
    draft.add_text(2, "two", 7)
    frame = draft.build()
    assert frame is not None
    assert (list(frame.text_stream), list(frame.text), list(frame.text_next_index)) == ([1, 2], ["one", "two"], [5, 7])


def test_a_frame_full_of_any_one_thing_stays_below_what_an_edge_takes() -> None:
    fillings: dict[str, Callable[[FrameDraft], None]] = {
        "rows": lambda draft: draft.add_text(LARGEST, "🦉", LARGEST),
        "answers": lambda draft: draft.add_opened(
            pb.Opened(stream=LARGEST, generation_id="w" * 32 + "-" + "f" * 24, next_index=LARGEST)
        ),
        "refusals": lambda draft: draft.add_refused(
            pb.Refused(stream=LARGEST, status=pb.Status(code=3, message="猫" * 500, field="猫" * 500))
        ),
        "labels": lambda draft: draft.add_label(Label(stage="🦉", tool_call=ToolCall(LARGEST, "🦉" * 9, "🦉" * 9))),
        "endings": lambda draft: draft.add_ending(LARGEST, Finished("length", LARGEST, LARGEST)),
        "failures": lambda draft: draft.add_ending(LARGEST, Failed(Code.INTERNAL, "🦉" * 500)),
    }
    for name, fill in fillings.items():
        draft = FrameDraft()
        while draft.room > 0:
            fill(draft)
        frame = draft.build()
        assert frame is not None
        assert frame.ByteSize() < EDGE_TAKES_BYTES, name


def test_room_is_for_a_frame_worth_sending() -> None:
    draft = FrameDraft()
    draft.add_text(1, "x" * (FRAME_CHARS - 100), 1)
    assert 0 < draft.room < 100


def test_a_label_is_the_next_rows() -> None:
    draft = FrameDraft()
    draft.add_text(1, "one", 5)
    draft.add_label(Label(stage="planner"))
    draft.add_text(2, "two", 7)
    frame = draft.build()
    assert frame is not None
    assert [(label.row, label.label.stage) for label in frame.labels] == [(1, "planner")]
