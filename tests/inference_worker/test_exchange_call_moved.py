"""Generations that come back to their edge, or go on here after another worker was lost."""

import asyncio
from dataclasses import replace

import pytest

from inference_worker.exchange_call import BEGINNING_CHARS
from inference_worker.status import Code
from protos import inference_pb2 as pb
from tests.inference_worker.exchange_edge import RHYTHM, Edge, attach, detach, on_a_call, open_
from tests.inference_worker.registries import eventually, make_registry
from tests.support.virtual_time import in_virtual_time

PATIENT = replace(RHYTHM, reattach_window_s=3)


def moved(stream: int, text: str, next_index: int, *pieces: tuple[int, int], **options: str) -> pb.Command:
    """Go on with a generation that another worker had, up to that text."""
    command = open_(stream, **options)
    begun = command.open.continuation
    begun.text, begun.next_index, begun.generation_id = text, next_index, "w0-1"
    for chars, index in pieces:
        begun.pieces.add(chars=chars, next_index=index)
    return command


async def whole(edge: Edge) -> str:
    """What the script says in all."""
    edge.send(open_(99, tokens="9"))
    await edge.ended(99)
    return edge.text(99)


@in_virtual_time
async def test_a_generation_waits_for_its_edge_when_the_call_breaks() -> None:
    registry = make_registry()
    async with on_a_call(registry, PATIENT) as edge:
        edge.send(open_(1, tokens="100", tokens_per_second="50"))
        generation_id = (await edge.opened(1)).generation_id
        await eventually(lambda: edge.text(1).count(" ") >= 5)
    seen = edge.text(1)
    async with on_a_call(registry, PATIENT) as edge:
        await asyncio.sleep(1)
        edge.send(attach(1, generation_id, seen.count(" ")))
        await edge.ended(1)
        assert (seen + edge.text(1)).count(" ") == 100


@in_virtual_time
async def test_it_does_not_wait_for_ever() -> None:
    registry = make_registry()
    async with on_a_call(registry, PATIENT) as edge:
        edge.send(open_(1, stall_at="0"))
        await edge.opened(1)
    assert registry.running == 1
    await asyncio.sleep(2.9)
    assert registry.running == 1
    await asyncio.sleep(0.2)
    assert registry.running == 0


@in_virtual_time
async def test_a_reader_that_says_that_it_leaves_is_not_waited_for() -> None:
    registry = make_registry()
    async with on_a_call(registry, PATIENT) as edge:
        edge.send(open_(1, stall_at="0"))
        await edge.opened(1)
        edge.send(detach(1))
        await eventually(lambda: registry.running == 0, limit_s=0.1)


@in_virtual_time
async def test_what_was_begun_elsewhere_goes_on_under_its_id_and_index() -> None:
    async with on_a_call(make_registry()) as edge:
        text = await whole(edge)
        words = text.split(" ")
        begun = " ".join(words[:5])  # four tokens
        edge.send(moved(1, begun, 4, tokens="9"))
        opened = await edge.opened(1)
        await edge.ended(1)
        assert (opened.generation_id, opened.next_index) == ("w0-1", 4)
        assert begun + edge.text(1) == text


@in_virtual_time
async def test_readers_may_stand_where_the_pieces_end() -> None:
    async with on_a_call(make_registry()) as edge:
        text = await whole(edge)
        words = text.split(" ")
        first, begun = " ".join(words[:3]), " ".join(words[:5])
        edge.send(moved(1, begun, 4, (len(first), 2), (len(begun) - len(first), 4), tokens="9", stall_at="6"))
        await edge.opened(1)
        edge.send(attach(2, "w0-1", 2), attach(3, "w0-1", 0))
        await eventually(lambda: len(edge.text(2).split(" ")) == 5)
        assert first + edge.text(2) == " ".join(words[:7])
        assert edge.text(3) == " ".join(words[:7])


@in_virtual_time
async def test_two_edges_that_move_it_here_read_one_generation() -> None:
    registry = make_registry()
    async with on_a_call(registry) as edge:
        edge.send(moved(1, " a b", 2, (4, 2), stall_at="5", tokens="9"))
        await edge.opened(1)
        edge.send(moved(2, " a b", 2, (4, 2), stall_at="5", tokens="9"))
        await edge.opened(2)
        assert registry.running == 1
        edge.send(moved(3, " a b c d e f", 12, stall_at="5", tokens="9"))
        assert (await edge.refused(3)).code == Code.INVALID_ARGUMENT


@pytest.mark.parametrize("pieces", [[(2, 1)], [(4, 3)], [(2, 2), (2, 2)], [(9, 2)]])
@in_virtual_time
async def test_pieces_that_are_not_the_text_are_refused(pieces: list[tuple[int, int]]) -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(moved(1, " a b", 2, *pieces))
        refused = await edge.refused(1)
    assert (refused.code, refused.field) == (Code.INVALID_ARGUMENT, "continuation.pieces")


@in_virtual_time
async def test_who_comes_to_what_another_began_is_told_how_it_began() -> None:
    async with on_a_call(make_registry()) as edge:
        command = open_(1, tokens="9")
        command.open.resume_window_ms = 1_000
        edge.send(command)
        await edge.ended(1)
        generation_id = (await edge.opened(1)).generation_id
        asked = attach(2, generation_id, 4)
        asked.attach.with_beginning = True
        edge.send(asked)
        await edge.ended(2)
        beginning = (await edge.opened(2)).beginning
        assert beginning.text + edge.text(2) == edge.text(1)
        assert pb.GenerateRequest.FromString(beginning.request) == command.open


@in_virtual_time
async def test_a_beginning_that_is_too_long_for_a_frame_is_not_told() -> None:
    async with on_a_call(make_registry()) as edge:
        command = open_(1, tokens=str(BEGINNING_CHARS))
        command.open.resume_window_ms = 1_000
        edge.send(command)
        await edge.ended(1)
        asked = attach(2, (await edge.opened(1)).generation_id, 4)
        asked.attach.with_beginning = True
        edge.send(asked)
        assert not (await edge.opened(2)).HasField("beginning")


@in_virtual_time
async def test_all_of_it_has_been_read_is_an_answer_of_its_own() -> None:
    async with on_a_call(make_registry()) as edge:
        command = open_(1)
        command.open.resume_window_ms = 1_000
        edge.send(command)
        await edge.ended(1)
        generation_id = (await edge.opened(1)).generation_id
        edge.send(attach(2, generation_id, 3), attach(3, generation_id, 4))
        await edge.ended(2)
        assert edge.text(2) == ""
        assert (await edge.refused(3)).code == Code.FAILED_PRECONDITION


def owned(command: pb.Command, owner: str) -> pb.Command:
    """The same, asked by an edge for that owner."""
    (command.open if command.HasField("open") else command.attach).owner = owner
    return command


@in_virtual_time
async def test_only_its_owner_attaches_to_a_generation() -> None:
    async with on_a_call(make_registry()) as edge:
        command = owned(open_(1, tokens="9"), "alice")
        command.open.resume_window_ms = 60_000
        edge.send(command)
        generation_id = (await edge.opened(1)).generation_id
        edge.send(owned(attach(2, generation_id, 0), "bob"), attach(3, generation_id, 0), attach(4, "w1-none", 0))
        refusals = [await edge.refused(stream) for stream in (2, 3, 4)]
        assert refusals == [refusals[2]] * 3, "of another's nothing is said that is not said of what never was"
        assert refusals[0].code == Code.NOT_FOUND.value
        edge.send(owned(attach(5, generation_id, 0), "alice"))
        await edge.ended(5)
        assert edge.text(5) == edge.text(1)


@in_virtual_time
async def test_a_moved_generation_keeps_its_owner() -> None:
    async with on_a_call(make_registry()) as edge:
        edge.send(owned(moved(1, "abc", 3, tokens="100", tokens_per_second="1"), "alice"))
        await edge.opened(1)
        edge.send(owned(moved(2, "abc", 3), "bob"), owned(attach(3, "w0-1", 3), "bob"))
        assert [(await edge.refused(stream)).code for stream in (2, 3)] == [Code.NOT_FOUND.value] * 2
        edge.send(owned(moved(4, "abc", 3), "alice"), owned(attach(5, "w0-1", 3), "alice"))
        assert [(await edge.opened(stream)).generation_id for stream in (4, 5)] == ["w0-1"] * 2


@in_virtual_time
async def test_how_a_generation_began_says_whose_it_is() -> None:
    async with on_a_call(make_registry()) as edge:
        command = owned(open_(1, tokens="9"), "alice")
        command.open.resume_window_ms = 1000
        edge.send(command)
        generation_id = (await edge.opened(1)).generation_id
        again = owned(attach(2, generation_id, 0), "alice")
        again.attach.with_beginning = True
        edge.send(again)
        assert pb.GenerateRequest.FromString((await edge.opened(2)).beginning.request).owner == "alice"


@in_virtual_time
async def test_what_has_ended_is_there_for_a_moment_because_its_last_frame_may_be_lost() -> None:
    registry = make_registry()
    async with on_a_call(registry, PATIENT) as edge:
        edge.send(open_(1))
        generation_id = (await edge.opened(1)).generation_id
        await edge.ended(1)
    async with on_a_call(registry, PATIENT) as edge:
        await asyncio.sleep(2.9)
        assert registry.has(generation_id)
        edge.send(attach(2, generation_id, 1))
        assert (await edge.ended(2)).finished.finish_reason == "stop"
        await asyncio.sleep(3.1)
        assert not registry.has(generation_id)


@in_virtual_time
async def test_labels_are_told_of_a_beginning_and_taken_with_what_was_begun_elsewhere() -> None:
    async with on_a_call(make_registry()) as edge:
        command = open_(1, tokens="9", reasoning="4")
        command.open.resume_window_ms = 1_000
        edge.send(command)
        await edge.ended(1)
        asked = attach(2, (await edge.opened(1)).generation_id, 6)
        asked.attach.with_beginning = True
        edge.send(asked)
        await edge.ended(2)
        beginning = (await edge.opened(2)).beginning
        labels = [piece.label for piece in beginning.pieces]
        assert [(piece.next_index, label.channel) for piece, label in zip(beginning.pieces, labels, strict=True)] == [
            (4, pb.REASONING),
            (6, pb.ANSWER),
        ]
        command = moved(3, beginning.text, 6, tokens="9", stall_at="7")
        command.open.continuation.pieces.extend(beginning.pieces)
        edge.send(command)
        await edge.opened(3)
        edge.send(attach(4, "w0-1", 0))
        await eventually(lambda: edge.text(4))
        again = attach(5, "w0-1", 6)
        again.attach.with_beginning = True
        edge.send(again)
        assert list((await edge.opened(5)).beginning.pieces) == list(beginning.pieces)
