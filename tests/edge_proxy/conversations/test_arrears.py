import pytest

from edge_proxy.conversations import arrears
from edge_proxy.conversations.arrears import Arrears
from edge_proxy.conversations.records import Reply
from edge_proxy.core.errors import Code, Failure, Refused
from tests.edge_proxy.conversations.kept import reply
from tests.edge_proxy.upstream.readers import eventually


class Shelf:
    def __init__(self) -> None:
        self.kept: list[str] = []
        self.tried = 0
        self.code: Code | None = Code.DATABASE_UNAVAILABLE

    async def keep(self, reply_id: str, reply: Reply) -> None:
        self.tried += 1
        if self.code:
            raise Refused(Failure(self.code))
        self.kept.append(reply_id)


async def test_what_could_not_be_kept_is_tried_until_it_is() -> None:
    shelf = Shelf()
    owed = Arrears(shelf.keep, first_pause_s=0.002)
    owed.add("a", reply())
    owed.add("b", reply())
    await eventually(lambda: shelf.tried >= 3)
    assert (shelf.kept, len(owed)) == ([], 2)
    shelf.code = None
    await eventually(lambda: not len(owed))
    assert shelf.kept == ["a", "b"]


async def test_a_reply_whose_session_is_gone_is_given_up() -> None:
    shelf = Shelf()
    shelf.code = Code.NOT_STORED
    owed = Arrears(shelf.keep, first_pause_s=0.002)
    owed.add("a", reply())
    await eventually(lambda: not len(owed))
    assert shelf.tried == 1


async def test_their_number_is_bounded_and_what_is_lost_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrears, "MOST", 2)
    owed = Arrears(Shelf().keep)
    for name in ("a", "b", "c"):
        owed.add(name, reply())
    assert len(owed) == 2
    assert "Reply a is given up" in caplog.text
    owed.stop()
    assert "2 replies could not be kept" in caplog.text
