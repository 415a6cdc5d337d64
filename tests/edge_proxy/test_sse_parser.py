"""The readers that judge the edge, held to the same streams, however these are cut; npm's reader is the witness."""

import base64
from collections.abc import Iterator

import pytest

from tests.edge_proxy.sse_parser import Message, parse, parse_pieces
from tests.edge_proxy.sse_vectors import VECTORS, Vector
from tests.support import node
from tests.support.sse import Reader

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The stream whole, in two pieces at every byte, and byte by byte."""
    yield [data]
    yield from ([data[:at], data[at:]] for at in range(1, len(data)))
    yield [data[at : at + 1] for at in range(len(data))]


def read_strictly(pieces: list[bytes]) -> list[Message]:
    """What the strict reader sees, with the ids that a client remembers."""
    reader, seen, last_id = Reader(), [], ""
    for piece in pieces:
        for event in reader.feed(piece):
            last_id = event.id or last_id
            seen.append(Message(event.name, event.data, last_id))
    reader.close()
    return seen


def test_every_stream_has_a_name_of_its_own() -> None:
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)


@each_vector
def test_streams_are_read_as_the_standard_says_however_they_are_cut(vector: Vector) -> None:
    for pieces in cuts(vector.data):
        stream = parse_pieces(pieces)
        assert (stream.messages, stream.reconnection_ms) == (vector.seen, vector.retry_ms), pieces


@each_vector
def test_a_stream_that_breaks_off_shows_the_first_of_its_events(vector: Vector) -> None:
    counts = [len(parse(vector.data[:at]).messages) for at in range(len(vector.data) + 1)]
    assert counts == sorted(counts)
    for at, count in enumerate(counts):
        assert parse(vector.data[:at]).messages == vector.seen[:count]


@each_vector
def test_the_strict_reader_sees_the_same_or_refuses_however_they_are_cut(vector: Vector) -> None:
    for pieces in cuts(vector.data):
        if vector.ours:
            assert read_strictly(pieces) == vector.seen, pieces
        else:
            with pytest.raises((AssertionError, UnicodeDecodeError)):
                read_strictly(pieces)


async def test_the_reader_inside_npms_eventsource_sees_the_same() -> None:
    ways = [(vector, pieces) for vector in VECTORS for pieces in cuts(vector.data)]
    given = [[base64.b64encode(piece).decode() for piece in pieces] for _, pieces in ways]
    streams = (await node.run("parse_events.mjs", given=given))["streams"]
    for (vector, pieces), seen in zip(ways, streams, strict=True):
        expected = vector.seen if vector.node_sees is None else vector.node_sees
        assert [Message(*message) for message in seen["messages"]] == expected, (vector.name, pieces)
        assert seen["retryMs"] == vector.retry_ms, (vector.name, pieces)


async def test_our_own_javascript_client_reads_as_the_standard_says() -> None:
    ways = [(vector, pieces) for vector in VECTORS for pieces in cuts(vector.data)]
    given = [[base64.b64encode(piece).decode() for piece in pieces] for _, pieces in ways]
    streams = (await node.run("parse_events_ours.mjs", given=given))["streams"]
    for (vector, pieces), seen in zip(ways, streams, strict=True):
        assert [Message(*message) for message in seen["messages"]] == vector.seen, (vector.name, pieces)
        assert seen["retryMs"] == vector.retry_ms, (vector.name, pieces)


def test_comments_are_kept_apart_from_events() -> None:
    stream = parse(b": hello\n:there\n\n")
    assert stream.comments == [" hello", "there"]
    assert stream.messages == []
