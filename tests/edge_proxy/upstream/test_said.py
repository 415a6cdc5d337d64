from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.upstream.said import MAX_ROWS, Said
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import add


@given(texts=st.lists(st.text(max_size=3), max_size=4 * MAX_ROWS), every=st.integers(1, 100))
def test_compacting_loses_no_text_and_keeps_the_last_borders(texts: list[str], every: int) -> None:
    said = Said()
    for number, text in enumerate(texts, 1):
        add(said, text, 2 * number)
        if number % every == 0:
            said.compact()
            assert len(said.rows) <= MAX_ROWS
    said.compact()
    assert said.text == "".join(texts)
    pieces = list(said.pieces())
    assert sum(piece.chars for piece in pieces) == len(said.text)
    ends = [piece.next_index for piece in pieces]
    assert ends[-MAX_ROWS // 2 :] == [2 * number for number in range(1, len(texts) + 1)][-MAX_ROWS // 2 :]


PLANNER, RESULT = (
    pb.Label(channel=pb.REASONING, stage="planner"),
    pb.Label(channel=pb.RESULT, stage="planner"),
)


def labelled(pieces: Iterable[pb.Piece]) -> list[tuple[int, int, pb.Label | None]]:
    return [(piece.chars, piece.next_index, piece.label if piece.HasField("label") else None) for piece in pieces]


def test_labels_are_kept_with_the_rows_that_they_begin_at() -> None:
    said = Said()
    assert said.plain
    add(said, "Hi", 2)
    said.label(2, PLANNER)
    add(said, "1. ", 3)
    add(said, "Add", 5)
    said.label(5, RESULT)
    add(said, "{}", 6)
    assert not said.plain
    assert labelled(said.pieces()) == [(2, 2, None), (3, 3, PLANNER), (3, 5, None), (2, 6, RESULT)]


@given(borders=st.sets(st.integers(0, 3 * MAX_ROWS)))
def test_compacting_puts_nothing_together_that_has_two_labels(borders: set[int]) -> None:
    said, again = Said(), Said()
    for index in range(3 * MAX_ROWS):
        for each in (said, again):
            if index in borders:
                each.label(index, pb.Label(stage=str(index)))
            add(each, chr(97 + index % 26), index + 1)
    said.compact()
    assert said.text == again.text
    kept = [piece.label.stage for piece in said.pieces() if piece.HasField("label")]
    assert kept == [piece.label.stage for piece in again.pieces() if piece.HasField("label")]
    assert len(said.rows) <= MAX_ROWS // 2 + 1 + len(borders)
    ends = {piece.next_index for piece in said.pieces()}
    assert borders - {0, 3 * MAX_ROWS} <= ends


def test_what_was_said_before_is_known_with_its_labels_and_its_answer() -> None:
    said = Said()
    said.label(6, RESULT)
    add(said, "{}", 7)  # it came in the same frame
    pieces = [
        pb.Piece(chars=3, next_index=2),
        pb.Piece(chars=2, next_index=4, label=PLANNER),
        pb.Piece(chars=3, next_index=6, label=pb.Label(stage="executor")),
    ]
    assert said.begin("Hi 1.Yes", 6, pieces) == "Hi Yes"
    assert said.text == "Hi 1.Yes{}"
    assert labelled(said.pieces())[:3] == labelled(pieces)
    assert labelled(said.pieces())[3] == (2, 7, RESULT)


def test_what_was_said_before_without_labels_is_all_answer() -> None:
    said = Said()
    assert said.begin("abc", 3, []) == "abc"
    assert said.rows == [("abc", 3)]
    assert said.plain
