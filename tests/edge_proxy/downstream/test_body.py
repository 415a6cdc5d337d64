import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request

from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.downstream.body import read_json

MAX_BYTES = 100
JSON = {"content-type": "application/json"}


class Upload:
    """A request whose body comes in pieces; counts those that were taken. After them, its client leaves."""

    def __init__(self, headers: dict[str, str], pieces: Sequence[bytes], *, whole: bool = True) -> None:
        self.taken = 0
        self._pieces = pieces
        self._whole = whole
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.request = Request({"type": "http", "method": "POST", "headers": raw}, self._receive)

    async def _receive(self) -> dict[str, object]:
        if self.taken == len(self._pieces):
            return {"type": "http.disconnect"}
        self.taken += 1
        more = not self._whole or self.taken < len(self._pieces)
        return {"type": "http.request", "body": self._pieces[self.taken - 1], "more_body": more}

    def read(self) -> dict[str, object]:
        return asyncio.run(read_json(self.request, max_bytes=MAX_BYTES))

    def refusal(self) -> Failure:
        with pytest.raises(Refused) as caught:
            self.read()
        return caught.value.failure


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;",
    ],
)
def test_json_by_any_spelling_of_its_type_is_read(media_type: str) -> None:
    assert Upload({"content-type": media_type}, [b'{"a"', b":1}"]).read() == {"a": 1}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"content-type": "text/plain"}, id="text"),
        pytest.param({"content-type": "application/x-www-form-urlencoded"}, id="form"),
        pytest.param({"content-type": "application/jsonl"}, id="another that begins alike"),
        pytest.param({"content-type": "application/json; charset=latin-1"}, id="another charset"),
        pytest.param(JSON | {"content-encoding": "gzip"}, id="compressed"),
    ],
)
def test_a_body_of_another_type_is_refused_unread(headers: dict[str, str]) -> None:
    upload = Upload(headers, [b'{"a":1}'])
    assert upload.refusal().code is Code.UNSUPPORTED_MEDIA_TYPE
    assert upload.taken == 0


def test_a_body_that_says_it_is_not_compressed_is_read() -> None:
    assert Upload(JSON | {"content-encoding": "identity"}, [b"{}"]).read() == {}


def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    upload = Upload(JSON | {"content-length": "101"}, [b"{}"])
    assert upload.refusal() == Failure(Code.TOO_LARGE, "The body can have 100 bytes at most.")
    assert upload.taken == 0


def test_a_body_that_becomes_too_large_is_refused_as_soon_as_it_is() -> None:
    upload = Upload(JSON, [b"x" * 60, b"x" * 41, b"x", b"x"])
    assert upload.refusal().code is Code.TOO_LARGE
    assert upload.taken == 2


def test_a_body_as_large_as_allowed_is_read() -> None:
    text = "x" * (MAX_BYTES - len('{"a":""}'))
    body = f'{{"a":"{text}"}}'.encode()
    assert len(body) == MAX_BYTES
    assert Upload(JSON | {"content-length": "100"}, [body[:50], body[50:]]).read() == {"a": text}


def test_a_client_that_leaves_within_its_body_is_not_an_error_of_ours() -> None:
    assert Upload(JSON, [b'{"a"'], whole=False).refusal().code is Code.CANCELLED


def test_what_is_not_json_is_refused() -> None:
    assert Upload(JSON, [b"prompt=x"]).refusal().code is Code.INVALID_REQUEST
