import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.cursor import Cursor, parse
from edge_proxy.core.errors import Code, Refused


@given(worker=st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True), index=st.integers(0, 999_999_999))
def test_an_events_id_is_a_generation_and_an_index(worker: str, index: int) -> None:
    generation_id = f"{worker}-5c0fe2"
    assert parse(f"{generation_id}.{index}") == Cursor(generation_id, index)


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "w1-1", "w1-1.", ".3", "w1.3", "w1-1.-3", "w1-1.3.4", "w1-1.1e3", "W1-1.3", "w1-1.٣", "../etc.3"],
        *["w1-" + "1" * 65 + ".3", "w1-1." + "3" * 10, "w1-1.3\n", " w1-1.3", "w" * 1_000_000],
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert (caught.value.failure.code, caught.value.failure.wrong_field) == (Code.INVALID_REQUEST, "last_event_id")
