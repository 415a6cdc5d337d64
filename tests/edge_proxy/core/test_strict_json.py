import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.strict_json import MAX_DEPTH, loads


def refusal(data: bytes) -> Failure:
    with pytest.raises(Refused) as caught:
        loads(data)
    return caught.value.failure


def nested(levels: int, inner: str = "0") -> bytes:
    """An object in which `levels` containers nest, itself counted."""
    return ('{"a":' + "[" * (levels - 1) + inner + "]" * (levels - 1) + "}").encode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"{}", {}, id="empty object"),
        pytest.param(b' {"a" : [1, -2.5e3, true, null, "x"]}\n', {"a": [1, -2500.0, True, None, "x"]}, id="all kinds"),
        pytest.param('{"é":"🦉"}'.encode(), {"é": "🦉"}, id="not ASCII"),
        pytest.param(rb'{"a":"\ud83e\udd89"}', {"a": "🦉"}, id="a pair of surrogates"),
        pytest.param(b'{"a":{"b":1},"b":{"b":1}}', {"a": {"b": 1}, "b": {"b": 1}}, id="equal names on other levels"),
    ],
)
def test_objects_are_read(data: bytes, value: dict[str, Any]) -> None:
    assert loads(data) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "The body is not JSON: Expecting value at line 1, column 1.", id="nothing"),
        pytest.param(b"prompt=x", "The body is not JSON: Expecting value at line 1, column 1.", id="a form"),
        pytest.param(b'{"a":1', "The body is not JSON: Expecting ',' delimiter at line 1, column 7.", id="cut off"),
        pytest.param(b'{\n"a":1}\n}', "The body is not JSON: Extra data at line 3, column 1.", id="too much"),
        pytest.param(b"{'a':1}", None, id="single quotes"),
        pytest.param(b'{"a":"\n"}', None, id="a line break in a string"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', None, id="byte order mark"),
        pytest.param(b'{"a":"\xff"}', "The body is not UTF-8.", id="not UTF-8"),
        pytest.param('{"a":"é"}'.encode("latin-1"), "The body is not UTF-8.", id="latin-1"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "The body is not UTF-8.", id="a surrogate as UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), "The body is not UTF-8.", id="utf-16"),
        pytest.param(b"[]", "The body must be a JSON object.", id="list"),
        pytest.param(b'"x"', "The body must be a JSON object.", id="string"),
        pytest.param(b"null", "The body must be a JSON object.", id="null"),
    ],
)
def test_what_is_not_a_json_object_is_refused(data: bytes, message: str | None) -> None:
    failure = refusal(data)
    assert failure.code is Code.INVALID_REQUEST
    assert message in (None, failure.message)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(b'{"a":1,"a":1}', "a", id="at the top"),
        pytest.param(b'{"x":[{"b":1,"c":2,"b":3}]}', "b", id="within"),
        pytest.param(rb'{"a":1,"\u0061":2}', "a", id="spelled in another way"),
        pytest.param(('{"' + 500 * "n" + '":1,"' + 500 * "n" + '":2}').encode(), 100 * "n", id="a very long one"),
    ],
)
def test_a_name_given_twice_is_refused(data: bytes, field: str) -> None:
    assert refusal(data) == Failure(Code.INVALID_REQUEST, "The field is given twice.", field)


def test_a_name_given_twice_among_thousands_is_found_at_once() -> None:
    names = ",".join(f'"{number}":0' for number in range(5_000))
    begin = time.process_time()
    assert refusal(f'{{{names},"4999":0}}'.encode()).wrong_field == "4999"
    assert time.process_time() - begin < 0.2  # it is some milliseconds, or a second


def test_as_deep_as_allowed_is_read() -> None:
    assert loads(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(nested(MAX_DEPTH + 1), id="one too deep"),
        pytest.param(nested(MAX_DEPTH + 1, "{}"), id="an empty object too deep"),
        pytest.param(b'{"a":' * 40 + b"0" + b"}" * 40, id="objects"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="far too deep and not closed"),
        pytest.param(nested(100_000), id="far too deep"),
    ],
)
def test_what_nests_too_deep_is_refused(data: bytes) -> None:
    assert refusal(data).message == f"The body nests deeper than {MAX_DEPTH} levels."


@pytest.mark.parametrize("sign", ["", "-"], ids=["positive", "negative"])
def test_a_number_of_thousands_of_digits_is_refused(sign: str) -> None:
    assert refusal(f'{{"seed":{sign}{5_000 * "1"}}}'.encode()).code is Code.INVALID_REQUEST


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(value=st.dictionaries(TEXTS, VALUES, max_size=3), ascii_only=st.booleans())
def test_every_object_is_read_as_it_was_written(value: dict[str, Any], ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', ":", ",", "1", "-", ".", "e5", "NaN", "true", '"a"', "\\u", " ", "\0"]
)


@given(data=st.binary(max_size=60) | st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_give_an_object_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(loads(data), dict)


@pytest.mark.parametrize(
    "data", [b"\xff", b"{", b"[]", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", b'{"a":' + b"9" * 5000 + b"}"]
)
def test_messages_call_it_what_it_is(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        loads(data, what="frame")
    assert "frame" in caught.value.failure.message
    assert "body" not in caught.value.failure.message
