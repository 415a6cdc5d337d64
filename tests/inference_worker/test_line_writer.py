import logging
import os
from collections.abc import Iterator

import pytest

from inference_worker.line_writer import LineWriter
from tests.support.processes import wait_until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def say(writer: LineWriter, message: str) -> None:
    writer.emit(logging.makeLogRecord({"msg": message}))


def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    reader, fd = pipe
    writer = LineWriter(fd)
    for message in ("one", "two \udc80"):
        say(writer, message)
    writer.flush()
    assert os.read(reader, 100) == b"one\ntwo \\udc80\n"


def test_while_nobody_reads_nobody_waits_and_what_is_left_out_is_counted(pipe: tuple[int, int]) -> None:
    reader, fd = pipe
    writer = LineWriter(fd, most=2)
    say(writer, "x" * 200_000)  # more than a pipe holds
    wait_until(writer._waiting.empty, "it is being written")
    for message in ("one", "two", "three", "four"):
        say(writer, message)
    seen = b""
    while not seen.endswith(b"two\n"):
        seen += os.read(reader, 100_000)
    writer.flush()
    say(writer, "five")
    writer.flush()
    assert seen == b"x" * 200_000 + b"\none\ntwo\n"
    assert os.read(reader, 1000) == b"2 lines are left out here: nobody took them.\nfive\n"


def test_a_reader_who_has_gone_is_nobodys_trouble(pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    reader, gone = os.pipe()
    os.close(reader)
    writer = LineWriter(gone)
    say(writer, "one")
    writer.emit(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    writer.flush()
    os.close(gone)
    assert "no number" in capsys.readouterr().err  # as logging says it of any handler
