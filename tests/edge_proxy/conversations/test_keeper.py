import asyncio

from edge_proxy.conversations.keeper import Follower, Keeper, Nobody
from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import ANSWER, Channel, Label, Outcome, Usage
from tests.edge_proxy.upstream.readers import NotingReader, eventually

END = Outcome("stop", Usage(1, 2))
LOST = Failure(Code.WORKER_LOST)
NOT_STORED = Failure(Code.NOT_STORED)


class Shelf:
    """Where replies are kept: as slowly as the test wants, or not at all."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.kept: list[tuple[Outcome | Failure, str, int]] = []
        self.open = asyncio.Event()
        self._failure = failure

    async def keep(self, ending: Outcome | Failure, text: str, tokens: int) -> Failure | None:
        self.kept.append((ending, text, tokens))
        await self.open.wait()
        return self._failure


def reading(failure: Failure | None = None) -> tuple[Keeper, NotingReader, Shelf]:
    reader, shelf = NotingReader(), Shelf(failure)
    keeper = Keeper(reader, shelf.keep)
    keeper.push("Hel", 1, now=1.0)
    keeper.push("lo", 2, now=2.0)
    return keeper, reader, shelf


async def test_text_passes_at_once_and_the_end_waits_until_the_reply_is_kept() -> None:
    keeper, reader, shelf = reading()
    assert reader.pushed == [("Hel", 1), ("lo", 2)]
    keeper.end(END, now=3.0)
    await eventually(lambda: shelf.kept)
    assert shelf.kept == [(END, "Hello", 2)]
    assert reader.endings == []
    shelf.open.set()
    assert await keeper.told() == END
    assert reader.endings == [END]


async def test_a_reply_that_is_not_kept_never_ends_well() -> None:
    keeper, reader, shelf = reading(NOT_STORED)
    shelf.open.set()
    keeper.end(END, now=3.0)
    assert await keeper.told() == NOT_STORED
    assert reader.endings == [NOT_STORED]


async def test_a_failure_is_kept_and_told() -> None:
    keeper, reader, shelf = reading()
    shelf.open.set()
    keeper.end(LOST, now=3.0)
    await keeper.told()
    assert (shelf.kept, reader.endings) == ([(LOST, "Hello", 2)], [LOST])


async def test_a_reply_is_kept_once_however_often_it_ends() -> None:
    keeper, reader, shelf = reading()
    shelf.open.set()
    keeper.end(END, now=3.0)
    keeper.finish(LOST)
    assert await keeper.told() == END
    assert len(shelf.kept) == len(reader.endings) == 1


async def test_only_the_answer_is_kept_and_all_is_passed_on() -> None:
    reader, shelf = NotingReader(), Shelf()
    keeper = Keeper(reader, shelf.keep)
    keeper.label(Label(Channel.REASONING))
    keeper.push("hm", 1, now=1.0)
    keeper.label(ANSWER)
    keeper.push("Hoo", 2, now=2.0)
    shelf.open.set()
    keeper.end(END, now=3.0)
    await keeper.told()
    assert shelf.kept == [(END, "Hoo", 2)]
    assert [label for _, label in reader.labels] == [Label(Channel.REASONING), ANSWER]
    assert reader.text == "hmHoo"


async def test_who_comes_back_gets_the_rest_and_the_end_when_all_of_it_is_kept() -> None:
    shelf, reader = Shelf(), NotingReader()
    whole = Keeper(Nobody(), shelf.keep)
    follower = Follower(reader, whole)
    follower.push("lo", 2, now=1.0)
    follower.end(END, now=1.0)
    whole.push("Hello", 2, now=1.0)
    await asyncio.sleep(0)
    assert reader.endings == []
    whole.end(END, now=1.0)
    await eventually(lambda: shelf.kept)
    assert (shelf.kept[0][1], reader.endings) == ("Hello", [])
    shelf.open.set()
    await eventually(lambda: reader.endings)
    assert (reader.text, reader.endings) == ("lo", [END])


async def test_who_comes_back_is_told_that_the_reply_could_not_be_kept() -> None:
    shelf, reader = Shelf(NOT_STORED), NotingReader()
    whole = Keeper(Nobody(), shelf.keep)
    follower = Follower(reader, whole)
    shelf.open.set()
    whole.end(END, now=1.0)
    follower.label(ANSWER)
    follower.end(END, now=1.0)
    await eventually(lambda: reader.endings)
    assert reader.endings == [NOT_STORED]
