"""What each dialect writes equals its golden transcript, to the byte.

When a dialect is to change, or there is a new one: `make golden` writes the files in tests/golden again, and the
difference is what clients will see of it.
"""

import pytest

from tests.edge_proxy.dialects.golden import FOLDER, transcripts


@pytest.mark.parametrize(("name", "data"), [pytest.param(*item, id=item[0]) for item in transcripts()])
def test_a_dialect_writes_what_its_golden_transcript_has(name: str, data: bytes) -> None:
    path = FOLDER / name
    assert path.exists(), "there is no such transcript: make golden"
    assert data == path.read_bytes()


def test_no_transcript_is_left_of_what_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _ in transcripts()}
