from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.upstream.said import MAX_ROWS, Said


@given(texts=st.lists(st.text(max_size=3), max_size=4 * MAX_ROWS), every=st.integers(1, 100))
def test_compacting_loses_no_text_and_keeps_the_last_borders(texts: list[str], every: int) -> None:
    said = Said()
    for number, text in enumerate(texts, 1):
        said.rows.append((text, 2 * number))
        if number % every == 0:
            said.compact()
            assert len(said.rows) <= MAX_ROWS
    said.compact()
    assert said.text == "".join(texts)
    pieces = list(said.pieces())
    assert sum(piece.chars for piece in pieces) == len(said.text)
    ends = [piece.next_index for piece in pieces]
    assert ends[-MAX_ROWS // 2 :] == [2 * number for number in range(1, len(texts) + 1)][-MAX_ROWS // 2 :]
